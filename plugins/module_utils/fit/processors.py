# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services on the CPU of one host: the NUMA node of each process, and room for the KV caches of those that do not say.

Both are what the role cpu starts them with, for it computes them with the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..cpu.layout import layout
from ..cpu.wanted import SPACE, Wanted
from ..errors import FleetError
from .flags import GIB
from .memory import MIB, Device
from .source import Description


def placed_services(
    services: Sequence[Mapping[str, Any]],
    models: Mapping[str, Description | FleetError],
    nodes: Sequence[Device],
    options: Mapping[str, Any],
) -> dict[str, tuple[dict[str, Any], list[Device]]]:
    """By name each of the ``services`` with the room that it is given, and the NUMA node of each of its processes.

    ``nodes`` are those of the host, none where it was not asked; ``models`` are by the service's name, ``options`` the
    module's. FleetError where the host has no room for all of them; empty where nothing is known of it.
    """
    nodes = nodes or _nodes_described(services)
    if not services or not nodes:
        return {}
    # Where the host was not asked, its cores are taken to be enough.
    cpu = options["cpu"] or _picture(nodes, sum(map(_processes, services)))
    try:
        places = layout(
            cpu,
            [_wanted(service, models[service["name"]]) for service in services],
            pin=options["cpu_pin"],
            reserved_cores=options["cpu_reserved_cores"] if options["cpu"] else 0,
            reserved_gib=options["cpu_reserved_memory_gib"],
        )["services"]
    except KeyError as error:
        raise FleetError(
            "Failed to read cpu", f"it has no {error}", "Give all that accelerator_info returns of it."
        ) from error
    by_index = {node.index: node for node in nodes}
    found = {}
    for service in services:
        place = places[service["name"]]
        room = place["environment"].get(SPACE)
        given = service["kv_cache_gib"] if room is None else int(room)
        there = [by_index[node] for node in place["nodes"]]
        found[service["name"]] = ({**service, "devices": [], "kv_cache_gib": given}, there)
    return found


def _wanted(service: Mapping[str, Any], model: Description | FleetError) -> Wanted:
    tensors = model.tensors if isinstance(model, Description) else ()
    return Wanted(
        name=service["name"],
        ranks=_processes(service),
        kv_gib=service["kv_cache_gib"],
        weights_gib=sum(tensor.size for tensor in tensors) / GIB,
        utilization=service["gpu_memory_utilization"],
    )


def _processes(service: Mapping[str, Any]) -> int:
    return int(service["tensor_parallel_size"] or 1) * int(service["pipeline_parallel_size"])


def _nodes_described(services: Sequence[Mapping[str, Any]]) -> list[Device]:
    """The NUMA nodes where only ``device_memory_gib`` tells of them: as many as the largest service has processes."""
    memory = next((service["device_memory_gib"] for service in services if service["device_memory_gib"]), None)
    return [Device(node, int(memory * GIB)) for node in range(max(map(_processes, services)))] if memory else []


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
