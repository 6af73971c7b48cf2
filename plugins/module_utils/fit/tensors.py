# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tensors of a checkpoint, from the headers of its safetensors files: kilobytes, whatever the weights take."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..artifacts.layout import RemoteFile
from ..errors import FleetError

SUFFIX = ".safetensors"
LENGTH = struct.Struct("<Q")  # what a file begins with: the bytes of the header that follows
GUESS = 64 * 1024  # bytes that are read at first; most headers end within
LONGEST = 100 * 1024 * 1024  # bytes; the format allows no longer header
AT_A_TIME = 8  # files
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U8": 8, "BOOL": 8}
BITS.update({"U16": 16, "U32": 32, "U64": 64, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4})
FLOATS = ("F32", "F16", "BF16")

Read = Callable[[RemoteFile, int, memoryview], None]  # fills a view with a file's content from a byte on


@dataclass(frozen=True)
class Tensor:
    name: str
    dtype: str  # as safetensors calls it
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.elements * BITS[self.dtype] // 8


def read_tensors(files: Iterable[RemoteFile], read: Read, label: str) -> list[Tensor]:
    """The tensors in all safetensors files of the model ``label``; FleetError where there are none."""
    holding = [file for file in files if file.path.endswith(SUFFIX)]
    if not holding:
        raise FleetError(
            f"Failed to read the sizes of {label}", "it has no safetensors files", "Choose a model that has them."
        )
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        headers = list(pool.map(lambda file: _header(file, read, label), holding))
    return [tensor for header in headers for tensor in header]


def _header(file: RemoteFile, read: Read, label: str) -> list[Tensor]:
    attempted = f"Failed to read the header of {file.path} of {label}"
    start = bytearray(min(GUESS, file.size))
    read(file, 0, memoryview(start))
    try:
        length = LENGTH.unpack_from(start)[0]
        if not 0 < length <= min(LONGEST, file.size - LENGTH.size):
            raise ValueError(f"it says that it has {length} bytes")
        missing = bytearray(max(0, LENGTH.size + length - len(start)))
        if missing:
            read(file, len(start), memoryview(missing))
        return parse_header(json.loads((start + missing)[LENGTH.size : LENGTH.size + length]))
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FleetError(attempted, f"it is no safetensors header ({error})", "Is the file whole?") from error


def parse_header(header: dict[str, Any]) -> list[Tensor]:
    """The tensors of a decoded header."""
    found = [
        Tensor(name, str(entry["dtype"]), tuple(int(size) for size in entry["shape"]))
        for name, entry in header.items()
        if name != "__metadata__"
    ]
    unknown = {tensor.dtype for tensor in found if tensor.dtype not in BITS}
    if unknown:
        raise ValueError(f"it has tensors of {', '.join(sorted(unknown))}")
    return found
