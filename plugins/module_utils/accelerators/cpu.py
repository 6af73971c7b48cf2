# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processors as /proc and /sys describe them: what may be used of them, and what they can that matters to vLLM."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .machine import Machine

CPUS, NODES = "sys/devices/system/cpu", "sys/devices/system/node"
HUGE_PAGES = "sys/kernel/mm/hugepages/hugepages-2048kB"
# What a program can have: what nobody uses, and what the kernel gives up for it. vLLM counts the same.
FREE = ("MemFree", "Active(file)", "Inactive(file)", "SReclaimable")
# Instruction sets by the name that vLLM knows, and the kernel's name for it on x86 and Arm.
FEATURES = {
    "avx2": "avx2",
    "avx512f": "avx512f",
    "avx512_bf16": "avx512_bf16",
    "avx512_vnni": "avx512_vnni",
    "amx_tile": "amx_tile",
    "amx_bf16": "amx_bf16",
    "amx_int8": "amx_int8",
    "asimd": "asimd",
    "bf16": "bf16",
    "i8mm": "i8mm",
    "sve": "sve",
}


def observe_cpu(machine: Machine) -> dict[str, Any]:
    """The processors; ``numa`` holds only what this machine's own processes may use."""
    info = machine.text("proc/cpuinfo")
    allowed = parse_list(_entry(machine.text("proc/self/status"), "Cpus_allowed_list"))
    numa = [_node(machine, node, allowed) for node in _nodes(machine)] or [_only_node(machine, allowed)]
    cores = [core for node in numa for core in node["cores"]]
    flags = set((_entry(info, "flags") or _entry(info, "Features")).split())
    return {
        "model": _entry(info, "model name") or None,
        "architecture": "x86" if "flags" in info else "arm",
        "sockets": len({machine.text(f"{CPUS}/cpu{core[0]}/topology/physical_package_id") for core in cores}),
        "cores": len(cores),
        "threads": sum(len(core) for core in cores),
        "numa": [node for node in numa if node["cores"]],
        "features": {name: flag in flags for name, flag in FEATURES.items()},
        "limits": {"cpus": _cpu_limit(machine), "memory_mib": _memory_limit(machine)},
        "huge_pages": {
            "size_kib": 2048,
            "total": int(machine.text(f"{HUGE_PAGES}/nr_hugepages") or 0),
            "free": int(machine.text(f"{HUGE_PAGES}/free_hugepages") or 0),
        },
    }


def parse_list(text: str) -> list[int]:
    """``0-3,8`` as [0, 1, 2, 3, 8]."""
    numbers: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _dash, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def format_list(cpus: Iterable[int]) -> str:
    """[0, 1, 2, 3, 8] as ``0-3,8``."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _nodes(machine: Machine) -> list[int]:
    numbers = [name[4:] for name in machine.names(NODES) if name.startswith("node")]
    return sorted(int(number) for number in numbers if number.isdigit())


def _node(machine: Machine, node: int, allowed: list[int]) -> dict[str, Any]:
    cpus = [cpu for cpu in parse_list(machine.text(f"{NODES}/node{node}/cpulist")) if cpu in allowed]
    return _part(machine, node, cpus, machine.text(f"{NODES}/node{node}/meminfo"))


def _only_node(machine: Machine, allowed: list[int]) -> dict[str, Any]:
    """The whole machine, where the kernel was built without NUMA."""
    return _part(machine, 0, allowed, machine.text("proc/meminfo"))


def _part(machine: Machine, node: int, cpus: list[int], memory: str) -> dict[str, Any]:
    cores: dict[str, list[int]] = {}
    for cpu in cpus:
        siblings = machine.text(f"{CPUS}/cpu{cpu}/topology/thread_siblings_list") or str(cpu)
        cores.setdefault(siblings, []).append(cpu)
    return {
        "node": node,
        "cpus": format_list(cpus),
        "cores": list(cores.values()),
        "memory_mib": _mib(memory, "MemTotal"),
        "free_mib": sum(_mib(memory, key) for key in FREE),
    }


def _cpu_limit(machine: Machine) -> float | None:
    """How many CPUs' time a control group grants this machine; None: all."""
    quota, _space, period = machine.text("sys/fs/cgroup/cpu.max").partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _memory_limit(machine: Machine) -> int | None:
    limit = machine.text("sys/fs/cgroup/memory.max")
    return int(limit) // 1024**2 if limit.isdigit() else None


def _mib(meminfo: str, key: str) -> int:
    found = re.search(rf"\b{re.escape(key)}:\s+(\d+) kB", meminfo)
    return int(found.group(1)) // 1024 if found else 0


def _entry(text: str, key: str) -> str:
    found = re.search(rf"^{key}\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1) if found else ""
