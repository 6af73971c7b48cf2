# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cores of its own for every process that computes, all of them on one NUMA node.

vLLM gives each rank the memory of one node, that of its first core, so cores of another would reach it the long way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..accelerators.cpu import format_list
from ..errors import FleetError
from .wanted import Wanted

MANY = 8  # cores of a host from which on one is left to the system
ATTEMPTED = "Failed to give every service cores of its own"

Core = Sequence[int]  # its threads


@dataclass(frozen=True)
class Rank:
    """One process that computes, and where."""

    service: str
    node: int
    cores: Sequence[Core]

    def threads(self, all_of_core: bool) -> str:
        """The CPUs that its OpenMP threads are bound to, as vLLM chooses them by itself: one of each core, on Arm all,
        and none of the last core, which is for scheduling and the API.
        """
        computing = self.cores[:-1] if len(self.cores) > 1 else self.cores
        return format_list(cpu for core in computing for cpu in (core if all_of_core else core[-1:]))


def share_out(cpu: Mapping[str, Any], services: Sequence[Wanted], reserved: int | None) -> list[Rank]:
    """The ranks of ``services`` with their cores; ``cpu`` is what accelerators.cpu observed.

    ``reserved`` cores are left to the system; None: one, where there are many.
    """
    nodes = usable(cpu, reserved)
    found, needed = sum(map(len, nodes.values())), sum(service.ranks for service in services)
    if found < needed:
        total = sum(len(node["cores"]) for node in cpu["numa"])
        left = f", {total - found} of its {total} being left to the system or beyond its limit" if total > found else ""
        processes = "" if needed == len(services) else f" with {needed} processes"
        raise FleetError(
            ATTEMPTED,
            f"this host has {_count(found, 'core')} for {_count(len(services), 'service')}{processes}{left}",
            "Move services to other hosts, lower tensor_parallel_size, or set cpu_pin: false to let them share.",
        )
    placed = _place(nodes, services)
    ranks = {}
    for node, cores in nodes.items():
        on_node = [key for key, place in placed.items() if place == node]
        for key, part in zip(on_node, _parts(cores, len(on_node))):
            ranks[key] = Rank(key[0], node, part)
    return [ranks[key] for key in placed]


def usable(cpu: Mapping[str, Any], reserved: int | None) -> dict[int, list[Core]]:
    """The cores that services may have, by node: within the limit of a control group, and without those reserved."""
    nodes = {node["node"]: list(node["cores"]) for node in cpu["numa"] if node["memory_mib"]}
    total = sum(map(len, nodes.values()))
    keep = total if cpu["limits"]["cpus"] is None else min(total, max(1, int(cpu["limits"]["cpus"])))
    keep -= (1 if keep >= MANY else 0) if reserved is None else reserved
    while sum(map(len, nodes.values())) > max(0, keep):
        # The system's own work happens on the first cores.
        fullest = max(nodes, key=lambda node: len(nodes[node]))
        nodes[fullest].pop(0)
    return nodes


def idle_nodes(nodes: Mapping[int, Sequence[Core]], ranks: Iterable[Rank]) -> list[int]:
    """The nodes with cores that nothing computes on."""
    busy = {rank.node for rank in ranks}
    return [node for node, cores in nodes.items() if cores and node not in busy]


def _place(nodes: Mapping[int, Sequence[Core]], services: Sequence[Wanted]) -> dict[tuple[str, int], int]:
    """The node of each rank, by service and number: each goes where it gets most cores."""
    taken = dict.fromkeys(nodes, 0)
    placed = {}
    for service in services:
        for rank in range(service.ranks):
            node = max(nodes, key=lambda node: (len(nodes[node]) / (taken[node] + 1), -node))
            taken[node] += 1
            placed[service.name, rank] = node
    return placed


def _parts(cores: Sequence[Core], count: int) -> list[Sequence[Core]]:
    """``cores`` in ``count`` parts of neighbours, the first ones larger by one where they cannot be equal."""
    if not count:
        return []
    size, more = divmod(len(cores), count)
    bounds = [part * size + min(part, more) for part in range(count + 1)]
    return [cores[start:end] for start, end in zip(bounds, bounds[1:])]


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
