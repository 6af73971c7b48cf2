# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The 8-bit float E4M3 (4 bits exponent, 3 bits mantissa, no infinity), as NVIDIA, AMD and compressed-tensors use it.

Source: Micikevicius et al., "FP8 Formats for Deep Learning", arXiv 2209.05433, section 3.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .arrays import np

MAX = 448.0
NAN = 0x7F  # with either sign
SIGN = 0x80
EXPONENT_BIAS = 7
MANTISSA_BITS = 3
SMALLEST_NORMAL = 2.0**-6

FLOAT32_BIAS = 127
FLOAT32_MANTISSA_BITS = 23
DROPPED = FLOAT32_MANTISSA_BITS - MANTISSA_BITS  # bits of a float32 that do not fit
HALF = (1 << (DROPPED - 1)) - 1
UNBIASED = 2.0 ** (FLOAT32_BIAS - EXPONENT_BIAS)  # a code's value, of the float32 that its bits are
REBIAS = (FLOAT32_BIAS - EXPONENT_BIAS) << MANTISSA_BITS
TO_SUBNORMAL = 2.0 ** (FLOAT32_MANTISSA_BITS - 9)  # added to a value, leaves its multiple of 2^-9 in the lowest bits


def encode(magnitudes: Any, scratch: Any, codes: Any) -> None:
    """Fill ``codes`` (uint8) with those of ``magnitudes``, float32 from 0 to below 464, where MAX is no longer nearest.

    Rounded to nearest, ties to even.
    All have the same shape; ``scratch`` (uint32) and ``magnitudes`` hold nothing of use afterwards.
    """
    bits = magnitudes.view(np.uint32)
    np.right_shift(bits, DROPPED, out=scratch)
    scratch &= 1  # ties to even
    scratch += HALF
    scratch += bits
    scratch >>= DROPPED
    scratch -= REBIAS  # wraps below the smallest normal, where it is replaced
    small = magnitudes < SMALLEST_NORMAL
    magnitudes += np.float32(TO_SUBNORMAL)
    np.copyto(scratch, bits, where=small)
    np.copyto(codes, scratch, casting="unsafe")  # the lowest byte


def decode(codes: Any, scales: Any, out: Any) -> None:
    """Fill ``out`` (float32) with what ``codes`` (uint8, none of them NAN) stand for, times ``scales`` (float32).

    Takes less than half the time of a look-up in `values`, which needs eight bytes for each code.
    """
    np.copyto(out.view(np.int32), codes.view(np.int8))  # the sign fills what is above
    bits = out.view(np.uint32)
    bits <<= DROPPED
    bits &= SIGN << 24 | NAN << DROPPED  # what they stand for, but for UNBIASED
    with np.errstate(over="ignore"):
        factors = scales * np.float32(UNBIASED)
    if not np.isfinite(factors).all():
        out *= np.float32(UNBIASED)
        factors = scales
    out *= factors


@lru_cache(maxsize=1)
def values() -> Any:
    """What each of the 256 codes stands for, as float32."""
    codes = np.arange(256)
    exponent, mantissa = (codes & 0x7F) >> MANTISSA_BITS, codes & 0x7
    normal = (1 + mantissa / 8) * np.exp2(exponent - float(EXPONENT_BIAS))
    magnitudes = np.where(exponent == 0, mantissa / 8 * SMALLEST_NORMAL, normal)
    magnitudes[codes & 0x7F == NAN] = np.nan
    return np.where(codes & SIGN, -magnitudes, magnitudes).astype(np.float32)
