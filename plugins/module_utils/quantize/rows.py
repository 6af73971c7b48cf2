# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantizing rows of weights: one scale per row, E4M3 codes, and what that did to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from . import e4m3
from .arrays import np
from .floats import BYTES, EPSILON, SMALLEST_PRECISE, round_to, widen

BUFFER = 1024  # elements that numpy takes at a time where it copies operands; rows shorter than that it copies


class NotFiniteError(ValueError):
    """There is a NaN or an infinity among the weights."""


class Evidence(NamedTuple):
    """What quantizing did to rows: sums over their elements."""

    rows: int = 0
    signal: float = 0.0  # of squared weights
    noise: float = 0.0  # of squared differences between weights and what their codes and scales stand for
    lowest_peak: float = e4m3.MAX  # the least, over rows that are not zero, of the largest magnitude of a row's codes

    def plus(self, other: Evidence) -> Evidence:
        return Evidence(
            self.rows + other.rows,
            self.signal + other.signal,
            self.noise + other.noise,
            min(self.lowest_peak, other.lowest_peak),
        )


@contextmanager
def _short_buffers() -> Iterator[None]:
    """Rows are not copied to be scaled, which takes three times as long; in this thread."""
    before = np.setbufsize(BUFFER)
    try:
        yield
    finally:
        np.setbufsize(before)


class RowQuantizer:
    """For one thread, up to ``elements`` weights at a time. Memory that is used again stays in the processor's cache.

    ``codes`` (uint8) is for callers that have no memory for them.
    """

    def __init__(self, elements: int) -> None:
        self.codes = np.empty(elements, np.uint8)
        self._weights = np.empty(elements, np.float32)
        self._magnitudes = np.empty(elements, np.float32)
        self._bits = np.empty(elements, np.uint32)
        self._signs = np.empty(elements, np.bool_)

    @_short_buffers()
    def quantize(self, content: Any, dtype: str, codes: Any) -> tuple[Any, Evidence]:
        """Quantize whole rows of weights into ``codes``, uint8 of shape (rows, columns); scales, float32 (rows, 1).

        ``content`` is the weights' bytes, uint8 of one dimension. As compressed-tensors does it per channel: scale =
        largest magnitude / 448, code = weight / scale, each step rounded as a tensor of ``dtype`` would be. Raises
        NotFiniteError.
        """
        shape, count = codes.shape, codes.size
        weights, magnitudes = self._weights[:count], self._magnitudes[:count].reshape(shape)
        bits = self._bits[:count].reshape(shape)
        widen(content[: count * BYTES[dtype]], dtype, weights)
        weights = weights.reshape(shape)
        np.abs(weights, out=magnitudes)
        largest = magnitudes.max(axis=1, keepdims=True)
        if not np.isfinite(largest).all():
            raise NotFiniteError
        scales = largest / np.float32(e4m3.MAX)
        # Of smaller rows the largest code says nothing, for their scales are rounded too far.
        filled = scales >= SMALLEST_PRECISE[dtype]
        round_to(scales, dtype, np.empty_like(scales, np.uint32))
        scales[scales == 0] = EPSILON[dtype]
        magnitudes /= scales
        round_to(magnitudes, dtype, bits)
        if not filled.all():  # the others exceed it by less than what rounds to it
            np.minimum(magnitudes, np.float32(e4m3.MAX), out=magnitudes)
        e4m3.encode(magnitudes, bits, codes)
        peaks = codes.max(axis=1, keepdims=True)[filled]  # codes are ordered as their values are
        signs = np.signbit(weights, out=self._signs[:count].reshape(shape)).view(np.uint8)
        signs *= e4m3.SIGN  # shifting takes ten times as long
        codes |= signs
        signal, noise = self._differences(weights, codes, scales)
        # A code that is no number is the largest of its row, and no peak at all.
        lowest = float(np.nan_to_num(e4m3.values()[peaks]).min()) if peaks.size else e4m3.MAX
        return scales, Evidence(shape[0], signal, noise, lowest)

    def _differences(self, weights: Any, codes: Any, scales: Any) -> tuple[float, float]:
        """Signal and noise, from the codes and scales as they are stored, not from what led to them."""
        restored = self._magnitudes[: codes.size].reshape(codes.shape)
        e4m3.decode(codes, scales, restored)
        restored -= weights
        return sum_of_squares(weights), sum_of_squares(restored)


def sum_of_squares(values: Any) -> float:
    """Of float32 of two dimensions; in float64 where float32 cannot hold it."""
    with np.errstate(over="ignore", under="ignore"):
        total = float(np.einsum("ij,ij->", values, values))
    if 1e-30 < total < np.inf:
        return total
    return float(np.einsum("ij,ij->", values, values, dtype=np.float64))
