# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight of one host: everything that is wanted of it against what it is, at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..accelerators.preflight import Needed, accelerator_problems
from ..docker.api import engine_get
from ..docker.engine import parse_containers
from ..errors import FleetError
from . import requirements as need
from .disk import free_gib, used_gib
from .esp import probe_esp
from .ports import holders
from .system import Host, observe_host


def check(wanted: dict[str, Any]) -> dict[str, Any]:
    """What was found on this host; raises one FleetError that lists every unmet requirement in ``wanted``."""
    host = observe_host()
    problems = list(_problems(host, wanted))
    if problems:
        raise need.report(problems)
    return {
        "distribution": host.distribution.name,
        "kernel": host.kernel,
        "architecture": host.architecture,
        "memory_gib": round(host.memory_gib, 1),
    }


def _problems(host: Host, wanted: dict[str, Any]) -> Iterator[FleetError]:
    if wanted["containers"]:
        yield from need.system_problems(host, wanted["releases"], wanted["architectures"])
        yield from need.kernel_problems(host.kernel, wanted["kernel"])
        yield from need.memory_problems(host.memory_gib, wanted["memory_gib"])
    if wanted["controller_time"] is not None:
        yield from need.clock_problems(time.time() - wanted["controller_time"], wanted["clock_skew"])
    if wanted["disk"]:
        yield from need.disk_problems(_disk(wanted["disk"]))
    if wanted["address"]:
        yield from need.address_problems(wanted["address"], host.addresses)
    if wanted["esp"]:
        yield from need.esp_problems(probe_esp())
    if wanted["ports"]:
        yield from _port_problems(wanted["ports"])
    if wanted["accelerators"]:
        yield from accelerator_problems([Needed(**service) for service in wanted["accelerators"]])


def _disk(disk: dict[str, Any]) -> need.DiskNeeded:
    present = used_gib(Path(disk["present"])) if disk["present"] else 0.0
    return need.DiskNeeded(disk["path"], disk["need_gib"], free_gib(Path(disk["path"])), present)


def _port_problems(ports: list[dict[str, Any]]) -> Iterator[FleetError]:
    try:
        containers = parse_containers(engine_get("/containers/json") or [])
    except FleetError as error:
        yield error
        containers = {}
    published = {port: name for name, container in containers.items() for port in container["published"]}
    yield from need.port_problems([need.PortNeeded(**port) for port in ports], holders(), published)
