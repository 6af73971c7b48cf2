# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a picture: each is a box with its devices and instances inside. Lengths are pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from .instances import BAD, GOOD, PARTLY, UNKNOWN, Fleet, Instance, combined
from .network import reach
from .results import Host, Pair
from .text import counted, fitted, tokens

INSET = 16  # of what is inside a box
HEAD = 84  # above the instances
LARGE, SMALL = (48, 8), (26, 4)  # height of a tile, and the gap below it
MANY = 4  # more instances than this on a host are drawn small, on all hosts
DEVICE = 13  # a device's mark and the gap after it
DEVICES = 8  # that are drawn
NAMES = 42  # what of a tile's width its mark and margins take
TIMES = "\N{MULTIPLICATION SIGN}"
SHORT = {PARTLY: "failures", BAD: "down", UNKNOWN: "not asked"}


@dataclass(frozen=True)
class Tile:
    """An instance, or all those of a host that serve. ``y`` counts from the top of the box."""

    y: float
    height: float
    state: str
    title: str
    name: str
    right: str
    below: str = ""

    @property
    def large(self) -> bool:
        return self.height == LARGE[0]


@dataclass(frozen=True)
class Box:
    host: Host
    link: str  # the state of its link to the network
    state: str
    width: float
    height: float
    name: str
    meta: str
    hardware: str
    marks: tuple[float, ...]  # where its devices' marks begin, from its left edge
    tiles: tuple[Tile, ...]


def boxes_of(fleet: Fleet, pairs: Sequence[Pair], width: float, *, folded: bool) -> list[Box]:
    """A box for each host. Where ``folded``, the instances that serve share one tile."""
    own = [fleet.on(host) for host in fleet.hosts]
    small = folded or any(len(instances) > MANY for instances in own)
    return [_box(host, instances, pairs, width, small, folded) for host, instances in zip(fleet.hosts, own)]


def _box(
    host: Host, instances: Sequence[Instance], pairs: Sequence[Pair], width: float, small: bool, folded: bool
) -> Box:
    inside = width - 2 * INSET
    marks = tuple(INSET + place * DEVICE for place in range(min(len(host.devices), DEVICES)))
    tiles = tuple(_folded(instances, inside) if folded else _tiles(instances, inside, small))
    tile, gap = SMALL if small else LARGE
    return Box(
        *(host, reach(host.name, pairs), combined(instances)),
        *(width, HEAD + max(1, len(tiles)) * (tile + gap) - gap + INSET),
        name=fitted(host.name, inside - 24, 15),
        meta=fitted(" · ".join(filter(None, (host.address, ", ".join(host.roles)))), inside, 12),
        hardware=fitted(hardware(host), inside - len(marks) * DEVICE - 4, 12),
        marks=marks,
        tiles=tiles,
    )


def hardware(host: Host) -> str:
    """``8`` times ``NVIDIA H200``, with the sign for times; a host without devices has its accelerator's name."""
    numbers = [(len(list(same)), name) for name, same in groupby(sorted(host.devices))]
    return ", ".join(f"{number} {TIMES} {name}" if number > 1 else name for number, name in numbers) or host.accelerator


def _tiles(instances: Sequence[Instance], inside: float, small: bool) -> Iterator[Tile]:
    height, gap = SMALL if small else LARGE
    for place, instance in enumerate(instances):
        good, name = instance.state == GOOD, instance.service.instance
        right = "" if instance.latency is None else f"{instance.latency:.2f} s"
        if small and not good:
            right = SHORT[instance.state]
        below = (instance.service.serves, tokens(instance.service.context) if good else instance.word)
        yield Tile(
            *(HEAD + place * (height + gap), height, instance.state, f"{name}: {instance.word}"),
            fitted(name, inside - NAMES - 7 * (len(right) + 1), 12 if small else 13),
            right,
            "" if small else fitted(" · ".join(filter(None, below)), inside - NAMES, 12),
        )


def _folded(instances: Sequence[Instance], inside: float) -> Iterator[Tile]:
    others = [instance for instance in instances if instance.state != GOOD]
    yield from _tiles(others, inside, small=True)
    if serving := len(instances) - len(others):
        title = counted(serving, "instance")
        yield Tile(HEAD + len(others) * sum(SMALL), SMALL[0], GOOD, f"{title}: serving", title, "serving")
