# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floats that weights come in, as numpy has them or not: bfloat16 is handled as the upper half of a float32."""

from __future__ import annotations

from typing import Any

from .arrays import np

BYTES = {"BF16": 2, "F16": 2, "F32": 4}
EPSILON = {"BF16": 2.0**-7, "F16": 2.0**-10, "F32": 2.0**-23}  # the step from 1 to the next number
# 16 times the smallest number. From there on rounding changes a scale by at most 1/32, which makes of a largest weight
# of 448 scales one of no less than 434, and that has the same code. At 4 times it can be 392, whose code says 384.
SMALLEST_PRECISE = {"BF16": 16 * 2.0**-133, "F16": 16 * 2.0**-24, "F32": 16 * 2.0**-149}


def widen(content: Any, dtype: str, out: Any) -> None:
    """Fill ``out`` (float32) with the weights of ``dtype`` in ``content`` (uint8), both of one dimension."""
    if dtype == "BF16":
        bits = out.view(np.uint32)
        np.copyto(bits, content.view(np.uint16))
        bits <<= 16
    else:
        np.copyto(out, content.view(np.float16 if dtype == "F16" else np.float32))


def round_to(values: Any, dtype: str, scratch: Any) -> None:
    """Round float32 ``values`` to what ``dtype`` can say, ties to even. ``scratch`` is uint32 of their shape."""
    if dtype == "BF16":
        bits = values.view(np.uint32)
        np.right_shift(bits, 16, out=scratch)
        scratch &= 1
        scratch += 0x7FFF
        bits += scratch
        bits &= 0xFFFF0000
    elif dtype == "F16":
        np.copyto(values, values.astype(np.float16))


def narrow(values: Any, dtype: str) -> Any:
    """The bytes (uint8) of float32 ``values`` that ``dtype`` can say exactly."""
    if dtype == "BF16":
        return (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    return values.astype(np.float16 if dtype == "F16" else np.float32).view(np.uint8)
