# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that is filled in any order, by this process and, where that is killed, by the next."""

from __future__ import annotations

import os
import re
from pathlib import Path

LINE = re.compile(rb"^(\d+) (\d+)\n", re.MULTILINE)


class PartialFile:
    """What ``path`` will be once it has ``size`` bytes: until then ``<path>.partial``.

    Beside it, ``<path>.pieces`` lists what has been written, one "start size" a line, each line after its bytes. After
    a power failure it may promise too much, so what was taken up is hashed again like all the rest.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._pieces = path.with_name(f"{path.name}.pieces")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        known = os.fstat(self._file).st_size == size
        how = os.O_APPEND if known else os.O_TRUNC
        self._journal = os.open(self._pieces, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | how, 0o644)
        if not known:
            os.ftruncate(self._file, 0)
            os.ftruncate(self._file, size)
        journal = os.read(self._journal, os.fstat(self._journal).st_size)
        if journal and not journal.endswith(b"\n"):
            os.write(self._journal, b"\n")  # ends a line that was cut off
        self._there = _spans(journal)

    @property
    def received(self) -> int:
        """Bytes that are there."""
        return sum(end - start for start, end in self._there)

    def has(self, start: int, size: int) -> bool:
        """Whether all of these bytes were there when this object was made."""
        return any(first <= start and start + size <= last for first, last in self._there)

    def write(self, start: int, content: memoryview) -> None:
        size = len(content)
        position = start
        while content:
            count = os.pwrite(self._file, content, position)
            position += count
            content = content[count:]
        os.write(self._journal, f"{start} {size}\n".encode())

    def read_into(self, start: int, view: memoryview) -> None:
        read_into(self._file, start, view)

    def finish(self) -> None:
        """Make it durable, and what it was to be."""
        os.fsync(self._file)
        self.close()
        self._partial.replace(self._path)
        self._pieces.unlink()

    def discard(self) -> None:
        """Give its room back."""
        self.close()
        for path in (self._partial, self._pieces):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Keep it for the next process."""
        for descriptor in (self._file, self._journal):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._journal = -1


def read_into(descriptor: int, start: int, view: memoryview) -> None:
    """Fill ``view`` with what the file has from byte ``start`` on."""
    while view:
        count = os.preadv(descriptor, [view], start)
        if not count:
            raise OSError("the file ends early")
        start += count
        view = view[count:]


def _spans(journal: bytes) -> list[tuple[int, int]]:
    """The stretches (first byte, the one after the last) that a journal's whole lines cover, joined if they touch."""
    lines = [(int(start), int(size)) for start, size in LINE.findall(journal)]
    spans: list[tuple[int, int]] = []
    for start, end in sorted((start, start + size) for start, size in lines):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans
