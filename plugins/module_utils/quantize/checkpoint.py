# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A safetensors file quantized to FP8, of which any piece can be made without the others.

A quantized weight takes the place of its source; the scales of all follow at the end. So each offset is known before a
weight is read, and reading the file from its start reads the source from its start.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import FleetError
from ..safetensors import Header, ReadAt, Tensor, make_header
from .arrays import np
from .floats import BYTES, narrow
from .rows import Evidence, NotFiniteError
from .scales import Scales
from .selection import is_quantized
from .workspace import BLOCK, Workspace

PIECE = 4 * 1024 * 1024  # bytes that are made at a time where nobody asks for them
CODES = "F8_E4M3"
SCALE = "_scale"  # after the name of a weight: its scales

Seen = Callable[[int, memoryview], None]  # told where in the source bytes were read, and these


class QuantizedFile:
    """``source`` is the header of the file of ``source_size`` bytes that ``read`` reads, ``path`` its name in messages.

    Safe for threads, which share ``workspace`` with the other files.
    """

    def __init__(self, path: str, source: Header, source_size: int, read: ReadAt, workspace: Workspace) -> None:
        self._path = path
        self._read = read
        self._source_size = source_size
        self._sources = {tensor.name: tensor for tensor in source.tensors}
        self._weights = [tensor for tensor in source.tensors if is_quantized(tensor)]
        names = {tensor.name for tensor in self._weights}
        kept = [Tensor(t.name, CODES, t.shape) if t.name in names else t for t in source.tensors]
        scales = [Tensor(t.name + SCALE, t.dtype, (t.shape[0], 1)) for t in self._weights]
        self._header, self.tensors = make_header([*kept, *scales], source.metadata)
        self.widest = max(BYTES[tensor.dtype] for tensor in self._weights)  # bytes of a weight in the source
        self._starts = [tensor.start for tensor in self.tensors]
        self.size = self.tensors[-1].start + self.tensors[-1].size  # bytes
        self._scales = Scales()
        self._evidence: dict[str, Evidence] = {}
        self._lock = threading.Lock()
        self._workspace = workspace

    @property
    def evidence(self) -> dict[str, Evidence]:
        """By the name of each weight: what became of the rows that were read to their end."""
        return {tensor.name: self._evidence.get(tensor.name, Evidence()) for tensor in self._weights}

    def is_proven(self) -> bool:
        """Whether there is evidence of every row."""
        found = self.evidence
        return all(found[tensor.name].rows >= tensor.shape[0] for tensor in self._weights)

    def read(self, start: int, view: memoryview, seen: Seen | None = None) -> None:
        """Fill ``view`` with the file's content from byte ``start`` on, for which the source is read in one go.

        Where the whole file is read piece by piece, ``seen`` is told each byte of the source once, in their order.
        """
        end = start + len(view)
        begin, own, until = self._source_at(start), self._source_at(start, up=True), self._source_at(end, up=True)
        source = self._workspace.source(until - begin)
        self._read(begin, source)
        if seen:
            seen(own, source[own - begin :])
        if start < len(self._header):
            part = self._header[start:end]
            view[: len(part)] = part
        for tensor in self.tensors[max(0, bisect_right(self._starts, start) - 1) :]:
            if tensor.start >= end:
                break
            first, last = max(start, tensor.start), min(end, tensor.start + tensor.size)
            if first < last:
                self._fill(tensor, first - tensor.start, view[first - start : last - start], begin, source)

    def read_again(self, seen: Seen) -> str:
        """Quantize all of it once more, for the evidence and for ``seen``; the sha256 of what comes out."""
        self._evidence.clear()
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(PIECE))
        for start in range(0, self.size, PIECE):
            view = buffer[: min(PIECE, self.size - start)]
            self.read(start, view, seen)
            digest.update(view)
        return digest.hexdigest()

    def _source_at(self, position: int, *, up: bool = False) -> int:
        """Where in the source the bytes are that ``position`` here is made of; in a weight, where their row begins.

        ``up``: where the next row does, unless it is there already.
        """
        if position <= len(self._header):
            return 0
        tensor = self.tensors[bisect_right(self._starts, position) - 1]
        source = self._sources.get(tensor.name)
        if source is None or position >= tensor.start + tensor.size:
            return self._source_size
        offset = position - tensor.start
        if tensor.dtype == source.dtype:
            return source.start + offset
        columns = source.shape[1]
        row = -(-offset // columns) if up else offset // columns
        return source.start + row * columns * BYTES[source.dtype]

    def _fill(self, tensor: Tensor, start: int, view: memoryview, begin: int, content: memoryview) -> None:
        """Fill in bytes of one tensor, out of ``content``, the source's bytes from ``begin`` on."""
        source = self._sources.get(tensor.name)
        if source is None:
            self._fill_scales(self._sources[tensor.name[: -len(SCALE)]], start, view)
        elif tensor.dtype == source.dtype:
            offset = source.start + start - begin
            view[:] = content[offset : offset + len(view)]
        else:
            self._fill_codes(source, start, view, content[max(0, source.start - begin) :])

    def _fill_codes(self, weight: Tensor, start: int, view: memoryview, content: memoryview) -> None:
        """``content`` begins with the first row that the view has a part of."""
        columns = weight.shape[1]
        end = start + len(view)  # a code is a byte
        rows = range(start // columns, -(-end // columns))
        width = columns * BYTES[weight.dtype]
        with self._scales.being_made(weight, rows):
            for first, last in _blocks(rows, columns, start, end):
                low, high = max(start, first * columns), min(end, last * columns)
                part = view[low - start : high - start]
                whole = len(part) == (last - first) * columns
                block = content[(first - rows.start) * width : (last - rows.start) * width]
                codes, evidence = self._quantize(weight, first, block, part if whole else None)
                if not whole:
                    part[:] = codes.reshape(-1)[low - first * columns : high - first * columns]
                if high == last * columns:  # a row that is read in parts counts where its end is
                    with self._lock:
                        self._evidence[weight.name] = self._evidence.get(weight.name, Evidence()).plus(evidence)

    def _fill_scales(self, weight: Tensor, start: int, view: memoryview) -> None:
        width = BYTES[weight.dtype]
        rows = range(start // width, -(-(start + len(view)) // width))
        known = self._scales.wait(weight, rows)
        columns = weight.shape[1]
        for first, last in _blocks(rows, columns):
            if not known[first - rows.start : last - rows.start].all():
                content = memoryview(bytearray((last - first) * columns * width))
                self._read(weight.start + first * columns * width, content)
                self._quantize(weight, first, content)
        scales = narrow(self._scales.of(weight)[rows.start : rows.stop], weight.dtype)
        offset = start - rows.start * width
        view[:] = scales[offset : offset + len(view)]

    def _quantize(
        self, weight: Tensor, first: int, content: memoryview, target: memoryview | None = None
    ) -> tuple[Any, Evidence]:
        """Codes (in ``target`` where given) and evidence of the rows in ``content``, which begin with ``first``."""
        columns = weight.shape[1]
        count = len(content) // BYTES[weight.dtype]
        quantizer = self._workspace.quantizer(count)
        codes = quantizer.codes[:count] if target is None else np.frombuffer(target, np.uint8)
        codes = codes.reshape(-1, columns)
        try:
            scales, evidence = quantizer.quantize(np.frombuffer(content, np.uint8), weight.dtype, codes)
        except NotFiniteError as error:
            rows = f"{first} to {first + len(codes) - 1}"
            cause = f"{weight.name} in {self._path} has NaN or infinite weights, in rows {rows}"
            raise FleetError("Failed to quantize", cause, "The model is broken: choose another revision.") from error
        self._scales.keep(weight, first, scales)
        return codes, evidence


def _blocks(rows: range, columns: int, start: int = 0, end: int = sys.maxsize) -> Iterator[tuple[int, int]]:
    """``rows`` in runs of about BLOCK weights; those cut by ``start`` or ``end`` stand alone."""
    height = max(1, BLOCK // columns)
    first, last = rows.start, rows.stop
    if first * columns < start:
        yield first, first + 1
        first += 1
    cut = last if last * columns <= end else last - 1
    for begin in range(first, cut, height):
        yield begin, min(begin + height, cut)
    if first <= cut < last:
        yield cut, last
