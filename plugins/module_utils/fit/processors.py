# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services on the CPU of one host: the NUMA node of each process, and room for the KV caches of those that do not say.

Both are what the role cpu starts them with, for it computes them with the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..cpu.layout import layout
from ..cpu.wanted import SPACE, Wanted
from ..errors import FleetError
from .flags import GIB
from .memory import MIB, Device


@dataclass(frozen=True)
class Place:
    """Where a service runs."""

    nodes: tuple[int, ...]  # of each of its processes
    kv_cache_gib: int | None  # of each; None where the service says itself


def ranks(service: Mapping[str, Any]) -> int:
    """Processes of a service on the CPU, as the module's option ``services`` has it."""
    return int(service["tensor_parallel_size"] or 1) * int(service["pipeline_parallel_size"])


def nodes_described(services: Sequence[Mapping[str, Any]]) -> list[Device]:
    """The NUMA nodes where only ``device_memory_gib`` tells of them: as many as the largest service has processes."""
    memory = next((service["device_memory_gib"] for service in services if service["device_memory_gib"]), None)
    return [Device(node, int(memory * GIB)) for node in range(max(map(ranks, services)))] if memory else []


def places(
    services: Sequence[Mapping[str, Any]],
    weights: Mapping[str, int],
    nodes: Sequence[Device],
    *,
    cpu: Mapping[str, Any] | None,
    pin: bool,
    reserved_cores: int | None,
    reserved_gib: float | None,
) -> dict[str, Place]:
    """The place of each service by name; FleetError where the host has none for all of them.

    ``weights`` are bytes of the whole model by the service's name. ``cpu`` is what accelerators.cpu observed; without
    it only the memory of the ``nodes`` is known, and cores are taken to be enough.
    """
    asked = [
        Wanted(
            name=service["name"],
            ranks=ranks(service),
            kv_gib=service["kv_cache_gib"],
            weights_gib=weights.get(service["name"], 0) / GIB,
            utilization=service["gpu_memory_utilization"],
        )
        for service in services
    ]
    host = cpu or _picture(nodes, sum(map(ranks, services)))
    try:
        found = layout(host, asked, pin=pin, reserved_cores=reserved_cores if cpu else 0, reserved_gib=reserved_gib)[
            "services"
        ]
    except KeyError as error:
        raise FleetError(
            "Failed to read cpu", f"it has no {error}", "Give all that accelerator_info returns of it."
        ) from error
    return {
        name: Place(tuple(place["nodes"]), int(place["environment"][SPACE]) if SPACE in place["environment"] else None)
        for name, place in found.items()
    }


def _picture(nodes: Sequence[Device], processes: int) -> dict[str, Any]:
    return {
        "architecture": "",
        "limits": {"cpus": None, "memory_mib": None},
        "huge_pages": {"total": 0, "size_kib": 0},
        "numa": [
            {"node": node.index, "memory_mib": node.memory // MIB, "cores": [[core] for core in range(processes)]}
            for node in nodes
        ],
    }
