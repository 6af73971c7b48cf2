# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a device: processes with their names, users and containers."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from typing import Any

from .machine import Machine

CONTAINER = re.compile(r"(?:docker[-/])([0-9a-f]{64})")


def who_holds(machine: Machine, devices: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The processes that have one of the device files open, by what ``devices`` calls the file."""
    found: dict[str, list[dict[str, Any]]] = {}
    for pid in machine.names("proc") if devices else []:
        for held in sorted(_open_files(machine, pid) & set(devices)):
            process = {"pid": int(pid), "name": machine.text(f"proc/{pid}/comm") or None, "memory_mib": None}
            found.setdefault(devices[held], []).append(process)
    return found


def with_owners(machine: Machine, processes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``processes``, each with its user's name, and its container and that's compose project (None: it has none)."""
    if not processes:
        return []
    running = machine.ask_engine("/containers/json") or []
    containers = {container["Id"]: container for container in running}
    return [{**process, **_owner(machine, process["pid"], containers)} for process in processes]


def _owner(machine: Machine, pid: int, containers: Mapping[str, Any]) -> dict[str, str | None]:
    uid = re.search(r"^Uid:\s+(\d+)", machine.text(f"proc/{pid}/status"), re.MULTILINE)
    inside = CONTAINER.search(machine.text(f"proc/{pid}/cgroup"))
    container = containers.get(inside.group(1), {}) if inside else {}
    name = container["Names"][0].lstrip("/") if container else inside.group(1)[:12] if inside else None
    return {
        "user": _user(int(uid.group(1))) if uid else None,
        "container": name,
        "project": (container.get("Labels") or {}).get("com.docker.compose.project"),
    }


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _open_files(machine: Machine, pid: str) -> set[str]:
    folder = machine.root / "proc" / pid / "fd"
    try:
        return {os.readlink(folder / descriptor) for descriptor in os.listdir(folder)} if pid.isdigit() else set()
    except OSError:  # it ended, or belongs to somebody else
        return set()
