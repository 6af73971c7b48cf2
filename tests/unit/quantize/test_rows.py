# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of weights, their scales and codes, and the evidence of what became of them."""

from __future__ import annotations

import numpy as np
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.quantize import e4m3
from ansible_collections.inference.fleet.plugins.module_utils.quantize.floats import EPSILON, narrow, round_to
from ansible_collections.inference.fleet.plugins.module_utils.quantize.rows import NotFiniteError, RowQuantizer

from ...checkpoints import linear

SMALLEST = {"BF16": 2.0**-133, "F16": 2.0**-24, "F32": 2.0**-149}
DTYPES = tuple(SMALLEST)


def rounded(values, dtype):
    values = np.array(values, np.float32)
    round_to(values, dtype, np.empty(values.shape, np.uint32))
    return values


def quantize(weights, dtype="BF16"):
    weights = rounded(weights, dtype)
    codes = np.empty(weights.shape, np.uint8)
    scales, evidence = RowQuantizer(weights.size).quantize(narrow(weights, dtype).reshape(-1), dtype, codes)
    return weights, codes, scales, evidence


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_of_each_row_has_the_largest_code_and_the_rest_is_near(dtype):
    weights, codes, scales, evidence = quantize(linear(1, 40, 96), dtype)
    assert (scales == rounded(np.abs(weights).max(axis=1, keepdims=True) / np.float32(448), dtype)).all()
    assert evidence.lowest_peak >= 416
    restored = e4m3.values()[codes].astype(np.float64) * scales
    steps = np.maximum(np.abs(weights), scales * e4m3.SMALLEST_NORMAL)
    assert (np.abs(restored - weights) <= steps * (2.0**-4 + 2.0**-7)).all(), (
        "half a step, and what rounding w / s adds"
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_evidence_is_what_a_plain_computation_finds(dtype):
    weights, codes, scales, evidence = quantize(linear(2, 40, 96), dtype)
    difference = e4m3.values()[codes].astype(np.float64) * scales - weights
    assert evidence.rows == 40
    assert evidence.signal == pytest.approx((weights.astype(np.float64) ** 2).sum(), rel=1e-4)
    assert evidence.noise == pytest.approx((difference**2).sum(), rel=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_of_zeros_stays_one_and_says_nothing_of_codes(dtype):
    _weights, codes, scales, evidence = quantize(np.zeros((2, 8)), dtype)
    assert not codes.any()
    assert (scales == EPSILON[dtype]).all()
    assert evidence.lowest_peak == e4m3.MAX


def test_signs_are_kept_that_of_zero_too():
    _weights, codes, _scales, _evidence = quantize([[1.0, -1.0, -0.0, 0.0]])
    assert codes.tolist() == [[0x7E, 0xFE, 0x80, 0x00]]


def test_rows_so_small_that_nothing_is_left_of_their_scale_do_not_count_as_bad_ones():
    _weights, _codes, _scales, evidence = quantize([[1e-39] * 8, [3e-38] * 8])
    assert evidence.lowest_peak == e4m3.MAX


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_code_is_right_however_a_small_scale_is_rounded(dtype):
    scales = SMALLEST[dtype] * np.arange(0.25, 100, 0.25)[:, None]
    *_rest, evidence = quantize(448 * scales * [1, -0.5], dtype)
    assert evidence.lowest_peak >= 416


@pytest.mark.parametrize(("dtype", "size"), [("F16", 0.006), ("BF16", 1e-36), ("F32", 1e-36)])
def test_codes_that_are_too_small_are_seen_where_scales_are_less_than_normal_numbers(dtype, size, monkeypatch):
    encode = e4m3.encode
    monkeypatch.setattr(e4m3, "encode", lambda magnitudes, *rest: encode(magnitudes / 4, *rest))
    *_rest, evidence = quantize(size * np.random.default_rng(7).standard_normal((40, 96)), dtype)
    assert evidence.lowest_peak == 112


def test_the_evidence_of_huge_and_tiny_weights_is_finite():
    for size in (3e38, 1e-30):
        *_rest, evidence = quantize(linear(3, 4, 64) * 0 + size)
        assert 0 < evidence.signal < np.inf


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad):
    weights = linear(4, 4, 8)
    weights[2, 3] = bad
    content = (weights.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8).reshape(-1)
    with pytest.raises(NotFiniteError):
        RowQuantizer(weights.size).quantize(content, "BF16", np.empty(weights.shape, np.uint8))


def test_memory_that_was_used_before_leaves_no_trace():
    quantizer = RowQuantizer(64 * 8)
    first, second = narrow(rounded(linear(5, 8, 64), "BF16"), "BF16"), narrow(rounded(linear(6, 4, 64), "BF16"), "BF16")
    codes, alone = np.empty((4, 64), np.uint8), np.empty((4, 64), np.uint8)
    quantizer.quantize(first.reshape(-1), "BF16", np.empty((8, 64), np.uint8))
    quantizer.quantize(second.reshape(-1), "BF16", codes)
    RowQuantizer(64 * 4).quantize(second.reshape(-1), "BF16", alone)
    assert (codes == alone).all()
