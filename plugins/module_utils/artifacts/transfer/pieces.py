# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many bytes in pieces of a bounded size: what one worker moves at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """Where the bytes of a blob are, in a tar; or in itself, at 0."""

    blob: str  # its name in the cache
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(frozen=True)
class Segment:
    """The bytes of one blob within a piece."""

    blob: str
    start: int  # in the blob
    size: int
    at: int  # in the piece


@dataclass(frozen=True)
class Piece:
    """``size`` bytes from ``offset`` on, with the ``segments`` of blobs in them."""

    offset: int
    size: int
    segments: tuple[Segment, ...]

    @property
    def end(self) -> int:
        return self.offset + self.size


def cut(begin: int, end: int, extents: Iterable[Extent], size: int) -> Iterator[Piece]:
    """The bytes from ``begin`` to ``end`` in pieces of up to ``size``, each of which ends at a multiple of it.

    So they are the same, or lie within the same, wherever a later run begins.
    """
    waiting = sorted((extent for extent in extents if extent.size), key=lambda extent: extent.offset)
    first = 0
    for offset in (begin, *range(begin - begin % size + size, end, size)) if begin < end else ():
        last = min(offset - offset % size + size, end)
        while first < len(waiting) and waiting[first].end <= offset:
            first += 1
        segments = []
        for extent in waiting[first:]:
            if extent.offset >= last:
                break
            start, stop = max(extent.offset, offset), min(extent.end, last)
            segments.append(Segment(extent.blob, start - extent.offset, stop - start, start - offset))
        yield Piece(offset, last - offset, tuple(segments))


def cover(extents: Iterable[Extent], size: int, gap: int) -> Iterator[Piece]:
    """Pieces of up to ``size`` bytes that have all of ``extents``, and at most ``gap`` bytes between two of them."""
    run: list[Extent] = []
    for extent in sorted(extents, key=lambda extent: extent.offset):
        if run and extent.offset - run[-1].end > gap:
            yield from cut(run[0].offset, run[-1].end, run, size)
            run = []
        run.append(extent)
    if run:
        yield from cut(run[0].offset, run[-1].end, run, size)
