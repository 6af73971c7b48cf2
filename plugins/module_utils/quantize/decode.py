# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tensors of a quantized layer stand for, in the forms of compressed-tensors that our schemes use.

The codes are in `weight`, E4M3 or int8, or in `weight_packed`, eight 4-bit integers to an int32, the first in its
lowest bits, each with 8 added. A scale in `weight_scale` holds for an area of the codes: for all of them (shape [1]), a
row ([rows, 1]), a part of a row ([rows, groups]), or a block of 128 rows and columns. Source: compressed-tensors,
compressors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..safetensors import Tensor
from . import e4m3
from .arrays import np
from .floats import widen

WEIGHT, PACKED, SCALE = "weight", "weight_packed", "weight_scale"
BLOCK = 128  # rows and columns
NIBBLES = 8  # in an int32
ZERO = 8  # what a nibble says of 0

ReadRows = Callable[
    [str, int, int], Any
]  # bytes (uint8, one dimension) of a tensor's rows from the first to before the last


class Layer:
    """``tensors`` are those of the layer by the last part of their names; ``read`` reads them by it.

    Raises ValueError where they are in none of the forms.
    """

    def __init__(self, tensors: Mapping[str, Tensor], read: ReadRows) -> None:
        self._read = read
        self._packed = PACKED in tensors
        codes, scale = tensors.get(PACKED) or tensors.get(WEIGHT), tensors.get(SCALE)
        if codes is None or scale is None or codes.dtype not in ("F8_E4M3", "I8", "I32"):
            raise ValueError("it is in no form that is known here")
        rows, columns = codes.shape
        self.shape = (rows, columns * NIBBLES if self._packed else columns)
        self._dtype = codes.dtype
        self.scale_dtype = scale.dtype
        self._areas = scale.shape if len(scale.shape) > 1 else (1, 1)
        self.height, self.width = self._area()  # rows and columns that share a scale
        values = np.empty(scale.elements, np.float32)
        widen(read(SCALE, 0, scale.shape[0]), scale.dtype, values)
        self.scales = values.reshape(self._areas)

    def _area(self) -> tuple[int, int]:
        (rows, columns), (high, wide) = self.shape, self._areas
        if high == 1:
            size = (rows, columns // wide)
        elif high == rows:
            size = (1, columns // wide)
        else:
            size = (BLOCK, BLOCK)
        if (-(-rows // size[0]), -(-columns // size[1])) != self._areas:
            raise ValueError(f"its scales, {self._areas}, do not cover {self.shape}")
        return size

    def values(self, first: int, last: int) -> Any:
        """What the codes of the rows from ``first`` to before ``last`` stand for, before they are scaled: float32."""
        content = self._read(PACKED if self._packed else WEIGHT, first, last)
        if self._packed:
            words = content.view("<i4").reshape(last - first, -1, 1)
            return ((words >> np.arange(0, 4 * NIBBLES, 4) & 0xF) - ZERO).reshape(last - first, -1).astype(np.float32)
        codes = content.reshape(last - first, -1)
        return e4m3.values()[codes] if self._dtype == "F8_E4M3" else codes.view(np.int8).astype(np.float32)

    def rows(self, first: int, last: int) -> Any:
        """The weights of the rows from ``first`` to before ``last``, float32."""
        values = self.values(first, last)
        values *= self.spread(self.scales, first, last)
        return values

    def spread(self, by_area: Any, first: int, last: int) -> Any:
        """For each weight of the rows, what ``by_area`` says of its area."""
        chosen = by_area[np.arange(first, last) // self.height]
        return np.repeat(chosen, self.width, axis=1)[:, : self.shape[1]]

    def largest(self, magnitudes: Any, first: int) -> tuple[slice, Any]:
        """The largest of the rows' magnitudes in each area that they touch, and which rows of ``scales`` these are."""
        last = first + len(magnitudes)
        begins = np.arange(first // self.height, (last - 1) // self.height + 1) * self.height - first
        begins[0] = 0
        by_column = np.maximum.reduceat(magnitudes, np.arange(0, self.shape[1], self.width), axis=1)
        areas = np.maximum.reduceat(by_column, begins, axis=0)
        return slice(first // self.height, first // self.height + len(areas)), areas
