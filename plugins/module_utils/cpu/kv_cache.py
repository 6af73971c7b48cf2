# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory each service can have for its KV cache, so that all of them fit on the host together.

By itself vLLM takes 92 % of a node's memory for one service. What is computed here depends on nothing that changes
while services run, so that a second look gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import FleetError
from .cores import Rank
from .wanted import Wanted

RANK_GIB = 3.0  # what a rank takes beside weights and KV cache: Python, PyTorch, activations, and the API's process
SYSTEM_GIB, SYSTEM_PART = 2.0, 0.08  # left to the system: the larger of these, the second of all memory, as by vLLM
MIB = 1024  # in a GiB


def spaces(
    cpu: Mapping[str, Any], services: Sequence[Wanted], ranks: Sequence[Rank], reserved_gib: float | None
) -> dict[str, int]:
    """GiB for the KV cache of each rank of the services that do not say themselves; whole ones, as vLLM reads them."""
    by_name = {service.name: service for service in services}
    found: dict[str, int] = {}
    whole = {node["node"]: node["memory_mib"] / MIB for node in cpu["numa"]}
    for node, memory in _memory(cpu, reserved_gib).items():
        here = [by_name[rank.service] for rank in ranks if rank.node == node]
        open_ones = [service for service in here if not service.says]
        taken = sum(_taken(service, whole[node]) for service in here if service.says)
        for service in open_ones:
            share = (memory - taken) / len(open_ones)
            space = int(share - _fixed(service))
            if space < 1:
                raise _no_room(service, node, share)
            # All ranks of a service read the same number.
            found[service.name] = min(space, found.get(service.name, space))
    return found


def _memory(cpu: Mapping[str, Any], reserved_gib: float | None) -> dict[int, float]:
    """GiB of each node that services may have."""
    nodes = {node["node"]: node["memory_mib"] / MIB for node in cpu["numa"] if node["memory_mib"]}
    total = sum(nodes.values())
    limit = cpu["limits"]["memory_mib"]
    usable = total if limit is None else min(total, limit / MIB)
    pages = cpu["huge_pages"]
    reserved = max(SYSTEM_GIB, SYSTEM_PART * usable) if reserved_gib is None else reserved_gib
    usable -= reserved + pages["total"] * pages["size_kib"] / MIB / MIB
    return {node: usable * memory / total for node, memory in nodes.items()}


def _taken(service: Wanted, node_gib: float) -> float:
    """What a service takes that says so; vLLM heeds the share of the node only where no space is given."""
    if service.kv_gib is not None:
        return _fixed(service) + service.kv_gib
    return (service.utilization or 0) * node_gib


def _fixed(service: Wanted) -> float:
    return service.weights_gib / service.ranks + RANK_GIB


def _no_room(service: Wanted, node: int, share: float) -> FleetError:
    return FleetError(
        f"Failed to find room for the KV cache of {service.name}",
        f"{max(0.0, share):.1f} GiB of NUMA node {node} are its share, and {_fixed(service):.1f} GiB go to weights and "
        "to vLLM itself",
        "Run fewer services on this host, lower cpu_reserved_memory_gib, or set kv_cache_gib for the service.",
    )
