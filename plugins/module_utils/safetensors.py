# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header of a safetensors file: which tensors it holds, and where. Kilobytes, whatever the weights take.

Source of the format: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

SUFFIX = ".safetensors"
INDEX = "model.safetensors.index.json"  # says which file each tensor is in, where there are several
LENGTH = struct.Struct("<Q")  # what a file begins with: the bytes of the header that follows
ALIGNMENT = 8  # bytes; the header is padded with spaces to a multiple of it
GUESS = 64 * 1024  # bytes that are read at first; most headers end within
LONGEST = 100 * 1024 * 1024  # bytes; the format allows no longer header
METADATA = "__metadata__"
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
BITS.update({"U16": 16, "U32": 32, "U64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4})

ReadAt = Callable[[int, memoryview], None]  # fills the view with the file's content from a byte on


@dataclass(frozen=True)
class Tensor:
    name: str
    dtype: str  # as safetensors calls it
    shape: tuple[int, ...]
    start: int = 0  # byte of the file at which its content begins

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.elements * BITS[self.dtype] // 8


@dataclass(frozen=True)
class Header:
    tensors: tuple[Tensor, ...]  # in the order of their content
    metadata: dict[str, str]
    size: int  # bytes before the first tensor


def read_header(read: ReadAt, size: int) -> Header:
    """The header of a file of ``size`` bytes; ValueError where it is none."""
    start = bytearray(min(GUESS, size))
    read(0, memoryview(start))
    try:
        length = LENGTH.unpack_from(start)[0]
        if not 0 < length <= min(LONGEST, size - LENGTH.size):
            raise ValueError(f"it says that it has {length} bytes")
        missing = bytearray(max(0, LENGTH.size + length - len(start)))
        if missing:
            read(len(start), memoryview(missing))
        content: dict[str, Any] = json.loads((start + missing)[LENGTH.size : LENGTH.size + length])
        metadata = content.pop(METADATA, {})
        return Header(_tensors(content, LENGTH.size + length, size), metadata, LENGTH.size + length)
    except (struct.error, KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


def _tensors(entries: dict[str, Any], base: int, size: int) -> tuple[Tensor, ...]:
    found = []
    for name, entry in entries.items():
        dtype = str(entry["dtype"])
        if dtype not in BITS:
            raise ValueError(f"it has tensors of {dtype}")
        start, end = entry["data_offsets"]
        tensor = Tensor(name, dtype, tuple(int(length) for length in entry["shape"]), base + int(start))
        if end - start != tensor.size or start < 0 or base + end > size:
            raise ValueError(f"{name} is not where it says")
        found.append(tensor)
    found.sort(key=lambda tensor: (tensor.start, tensor.size))
    ends = [base, *(tensor.start + tensor.size for tensor in found)]
    if [tensor.start for tensor in found] != ends[:-1] or ends[-1] != size:
        raise ValueError("its tensors do not follow each other to its end")
    return tuple(found)


def make_header(tensors: Iterable[Tensor], metadata: dict[str, str]) -> tuple[bytes, tuple[Tensor, ...]]:
    """What a file begins with that holds ``tensors`` one after the other, and those with their places in it."""
    entries: dict[str, Any] = {METADATA: metadata} if metadata else {}
    placed: list[Tensor] = []
    position = 0
    for tensor in tensors:
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [position, position + tensor.size],
        }
        placed.append(Tensor(tensor.name, tensor.dtype, tensor.shape, position))
        position += tensor.size
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    header = LENGTH.pack(len(text)) + text
    return header, tuple(Tensor(t.name, t.dtype, t.shape, t.start + len(header)) for t in placed)
