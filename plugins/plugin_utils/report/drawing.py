# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything stands in the picture of a fleet. Lengths are pixels of the picture, from its top left corner.

The gateway stands on top. The overlay network is a wire below it, from which the hosts hang; on a wide page in rows, on
a narrow one below each other. A host is a box with its devices and instances inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from .instances import Fleet, Instance, combined
from .network import reach
from .results import Host, Pair
from .text import fitted, tokens

TIMES = "\N{MULTIPLICATION SIGN}"
WIDE, NARROW = 1120, 344
GAP = 20  # between boxes
INSET = 16  # inside a box
HEAD = 84  # of a host's box, above its instances
STEM = 40  # from the wire to a box
TRUNK = 8  # the wire's place at the left edge
GATEWAY_WIDTH, GATEWAY_HEIGHT = 440, 66
DEVICE = 13  # a device's mark and the gap after it
MANY = 4  # more instances than this on a host are drawn smaller, on all hosts


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    state: str


@dataclass(frozen=True)
class Tile:
    """An instance. ``y`` counts from the top of its host's box."""

    y: float
    height: float
    instance: Instance
    name: str
    right: str
    below: str  # empty where tiles are small


@dataclass(frozen=True)
class Box:
    """A host."""

    host: Host
    x: float
    y: float
    width: float
    height: float
    badge: tuple[float, float]  # the middle of the mark of its link
    link: str  # the state of its link
    state: str
    name: str
    meta: str
    marks: tuple[float, ...]  # where its devices' marks begin, from its left edge
    hardware: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Drawing:
    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[Line, ...]
    gateway: tuple[float, float]  # left edge and width of its box
    label: tuple[float, float]  # of the network
    label_lines: bool  # whether the label has a line of its own for what is known of the network


def drawing(fleet: Fleet, pairs: Sequence[Pair], state: str, *, narrow: bool) -> Drawing:
    """The picture of ``fleet``, which has hosts; ``state`` is the network's."""
    return _narrow(fleet, pairs, state) if narrow else _wide(fleet, pairs, state)


def _wide(fleet: Fleet, pairs: Sequence[Pair], state: str) -> Drawing:
    columns = _columns(len(fleet.hosts))
    rows = [fleet.hosts[start : start + columns] for start in range(0, len(fleet.hosts), columns)]
    left = 28.0 if len(rows) > 1 else 0.0
    width = min(480.0, (WIDE - left - GAP * (columns - 1)) / columns)
    if len(rows) == 1:
        left = (WIDE - width * columns - GAP * (columns - 1)) / 2
    wire = GATEWAY_HEIGHT + STEM
    middle = WIDE / 2
    wires, boxes, y = [Line(middle, GATEWAY_HEIGHT, middle, wire, state)], [], float(wire)
    for row in rows:
        height = max(_height(fleet, host) for host in row)
        first, last = left + width / 2, left + width / 2 + (len(row) - 1) * (width + GAP)
        ends = (TRUNK, last) if len(rows) > 1 else (min(first, middle), max(last, middle))
        if row is rows[0]:
            ends = (ends[0], max(ends[1], middle))
        wires.append(Line(ends[0], y, ends[1], y, state))
        for place, host in enumerate(row):
            x = left + place * (width + GAP)
            link = reach(host.name, pairs) if len(fleet.hosts) > 1 else state
            wires.append(Line(x + width / 2, y, x + width / 2, y + STEM, link))
            boxes.append(_box(fleet, host, (x, y + STEM), (width, height), (x + width / 2, y + STEM / 2), link))
        y += STEM + height + STEM
    if len(rows) > 1:
        wires.append(Line(TRUNK, wire, TRUNK, wires[-1 - len(rows[-1])].y1, state))
    gateway = ((WIDE - GATEWAY_WIDTH) / 2, GATEWAY_WIDTH)
    return Drawing(WIDE, y - STEM, tuple(boxes), tuple(wires), gateway, (max(left, TRUNK), wire - 12.0), False)


def _narrow(fleet: Fleet, pairs: Sequence[Pair], state: str) -> Drawing:
    trunk, left = 9.0, 30.0
    wires, boxes, y = [], [], GATEWAY_HEIGHT + 64.0
    for host in fleet.hosts:
        link = reach(host.name, pairs) if len(fleet.hosts) > 1 else state
        height, badge = _height(fleet, host), (trunk, y + 26)
        wires.append(Line(trunk, badge[1], left, badge[1], link))
        boxes.append(_box(fleet, host, (left, y), (NARROW - left, height), badge, link))
        y += height + GAP
    wires.insert(0, Line(trunk, GATEWAY_HEIGHT, trunk, boxes[-1].badge[1], state))
    return Drawing(NARROW, y - GAP, tuple(boxes), tuple(wires), (0, NARROW), (left, GATEWAY_HEIGHT + 26.0), True)


def _columns(hosts: int) -> int:
    if hosts <= 4:
        return max(1, hosts)
    return 3 if hosts in (5, 6, 9) else 4


def _height(fleet: Fleet, host: Host) -> float:
    tile, gap = _tile_size(fleet)
    return HEAD + max(1, len(fleet.on(host))) * (tile + gap) - gap + INSET


def _tile_size(fleet: Fleet) -> tuple[float, float]:
    """Height of a tile and the gap below it."""
    return (26, 4) if any(len(fleet.on(host)) > MANY for host in fleet.hosts) else (48, 8)


def _box(
    fleet: Fleet,
    host: Host,
    corner: tuple[float, float],
    size: tuple[float, float],
    badge: tuple[float, float],
    link: str,
) -> Box:
    inside = size[0] - 2 * INSET
    marks = tuple(INSET + place * DEVICE for place in range(min(len(host.devices), 8)))
    return Box(
        *(host, *corner, *size, badge, link, combined(fleet.on(host))),
        name=fitted(host.name, inside - 24, 15),
        meta=fitted(" · ".join(filter(None, (host.address, ", ".join(host.roles)))), inside, 12),
        marks=marks,
        hardware=fitted(hardware(host), inside - len(marks) * DEVICE - 4, 12),
        tiles=tuple(_tiles(fleet, host, inside)),
    )


def hardware(host: Host) -> str:
    """``8`` times ``NVIDIA H200``, with the sign for times; a host without devices has its accelerator's name."""
    counted = [(len(list(same)), name) for name, same in groupby(sorted(host.devices))]
    return ", ".join(f"{number} {TIMES} {name}" if number > 1 else name for number, name in counted) or host.accelerator


def _tiles(fleet: Fleet, host: Host, inside: float) -> Iterator[Tile]:
    height, gap = _tile_size(fleet)
    large = height > 40
    for place, instance in enumerate(fleet.on(host)):
        right = "" if instance.latency is None else f"{instance.latency:.2f} s"
        below = instance.word if instance.state != "good" else tokens(instance.service.context)
        below = " · ".join(filter(None, (instance.service.serves, below)))
        if not large and instance.state != "good":
            right = {"partly": "failures", "bad": "down", "unknown": "not asked"}[instance.state]
        yield Tile(
            HEAD + place * (height + gap),
            height,
            instance,
            fitted(instance.service.instance, inside - 42 - 7 * (len(right) + 1), 13 if large else 12),
            right,
            fitted(below, inside - 42, 11.5) if large else "",
        )
