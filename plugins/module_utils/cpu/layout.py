# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on a host each service runs, in the terms of vLLM and of Docker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..accelerators.cpu import format_list
from ..errors import FleetError
from .cores import Core, Rank, idle_nodes, share_out, usable
from .kv_cache import spaces
from .wanted import BIND, SPACE, Wanted


def layout(
    cpu: Mapping[str, Any],
    services: Sequence[Wanted],
    *,
    pin: bool,
    reserved_cores: int | None,
    reserved_gib: float | None,
) -> dict[str, Any]:
    """``services``: environment and cpuset by name; ``warnings``: what of the host is left unused.

    ``cpu`` is what accelerators.cpu observed. Without ``pin`` services share all cores, and only memory is shared out.
    """
    if not services:
        return {"services": {}, "warnings": []}
    if pin:
        _refuse_own_pins(services)
        ranks = share_out(cpu, services, reserved_cores)
    else:
        first = cpu["numa"][0]
        ranks = [
            Rank(service.name, first["node"], first["cores"]) for service in services for _rank in range(service.ranks)
        ]
    room = spaces(cpu, services, ranks, reserved_gib)
    found: dict[str, Any] = {}
    for service in services:
        mine = [rank for rank in ranks if rank.service == service.name]
        environment = {SPACE: str(room[service.name])} if service.name in room else {}
        if pin:
            environment[BIND] = "|".join(rank.threads(cpu["architecture"] == "arm") for rank in mine)
        cpuset = _threads(core for rank in mine for core in rank.cores) if pin else None
        found[service.name] = {"environment": environment, "cpuset": cpuset, "nodes": [rank.node for rank in mine]}
    nodes = usable(cpu, reserved_cores)
    return {
        "services": found,
        "warnings": [_idle(node, nodes[node]) for node in idle_nodes(nodes, ranks)] if pin else [],
    }


def _idle(node: int, cores: Sequence[Core]) -> str:
    return (
        f"Nothing computes on NUMA node {node} (CPUs {_threads(cores)}): a process of vLLM uses one node. "
        "Raise tensor_parallel_size, or run one more service here."
    )


def _threads(cores: Iterable[Core]) -> str:
    return format_list(cpu for core in cores for cpu in core)


def _refuse_own_pins(services: Sequence[Wanted]) -> None:
    for service in services:
        if service.binds:
            raise FleetError(
                "Failed to share out the cores",
                f"the environment of {service.name} sets {BIND} itself",
                "Leave it out, or set cpu_pin: false and pin all services of this host yourself.",
            )
