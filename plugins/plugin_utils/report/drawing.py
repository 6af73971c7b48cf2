# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything stands in the picture of a fleet. Lengths are pixels of the picture, from its top left corner.

The gateway stands on top. The overlay network is a wire below it, from which the hosts hang: on a wide page in rows, on
a narrow one below each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .boxes import Box, boxes_of
from .instances import Fleet
from .results import Pair

WIDE, NARROW = 1120, 344
GAP = 20  # between boxes
STEM = 40  # from the wire to a box
GATEWAY_WIDTH, GATEWAY_HEIGHT = 440, 66
BOX = 480  # the widest
FOLDED = 8  # on a narrow page, more hosts than this do not show each instance that serves


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    state: str


@dataclass(frozen=True)
class Place:
    """Where the left upper corner of a box is, and the middle of the mark on its link."""

    box: Box
    x: float
    y: float
    mark: tuple[float, float]


@dataclass(frozen=True)
class Drawing:
    width: float
    height: float
    places: tuple[Place, ...]
    wires: tuple[Line, ...]
    gateway: tuple[float, float]  # left edge and width of its box
    label: tuple[float, float]  # of the network
    label_lines: bool  # whether the label has a line of its own for what is known of the network


def wide(fleet: Fleet, pairs: Sequence[Pair], state: str) -> Drawing:
    """The picture of ``fleet``, which has hosts, in rows; ``state`` is the network's."""
    columns = _columns(len(fleet.hosts))
    several = len(fleet.hosts) > columns
    trunk = 8.0  # joins the rows at the left edge
    left = 28.0 if several else 0.0
    width = min(BOX, (WIDE - left - GAP * (columns - 1)) / columns)
    if not several:
        left = (WIDE - width * columns - GAP * (columns - 1)) / 2
    boxes = boxes_of(fleet, pairs, width, folded=False)
    middle, y = WIDE / 2, float(GATEWAY_HEIGHT + STEM)
    last = y  # where the wire of the last row is
    wires, places = [Line(middle, GATEWAY_HEIGHT, middle, y, state)], []
    for start in range(0, len(boxes), columns):
        row = boxes[start : start + columns]
        centres = [left + place * (width + GAP) + width / 2 for place in range(len(row))]
        ends = [*centres, *([trunk] if several else []), *([middle] if start == 0 else [])]
        wires.append(Line(min(ends), y, max(ends), y, state))
        for box, centre in zip(row, centres):
            wires.append(Line(centre, y, centre, y + STEM, _link(box, fleet, state)))
            places.append(Place(box, centre - width / 2, y + STEM, (centre, y + STEM / 2)))
        last, y = y, y + STEM + max(box.height for box in row) + STEM
    if several:
        wires.append(Line(trunk, GATEWAY_HEIGHT + STEM, trunk, last, state))
    gateway = ((WIDE - GATEWAY_WIDTH) / 2, GATEWAY_WIDTH)
    label = (max(left, trunk), GATEWAY_HEIGHT + STEM - 12)
    return Drawing(WIDE, y - STEM, tuple(places), tuple(wires), gateway, label, False)


def narrow(fleet: Fleet, pairs: Sequence[Pair], state: str) -> Drawing:
    """The same, below each other."""
    trunk, left = 9.0, 30.0
    wires, places, y = [], [], GATEWAY_HEIGHT + 64.0
    for box in boxes_of(fleet, pairs, NARROW - left, folded=len(fleet.hosts) > FOLDED):
        mark = (trunk, y + 26)
        wires.append(Line(trunk, mark[1], left, mark[1], _link(box, fleet, state)))
        places.append(Place(box, left, y, mark))
        y += box.height + GAP
    wires.insert(0, Line(trunk, GATEWAY_HEIGHT, trunk, places[-1].mark[1], state))
    return Drawing(NARROW, y - GAP, tuple(places), tuple(wires), (0, NARROW), (left, GATEWAY_HEIGHT + 26), True)


def _link(box: Box, fleet: Fleet, state: str) -> str:
    """The state of the wire to ``box``; a host that is alone has no link of its own."""
    return box.link if len(fleet.hosts) > 1 else state


def _columns(hosts: int) -> int:
    if hosts <= 4:
        return hosts
    return 3 if hosts in (5, 6, 9) else 4
