# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes of E4M3 against a search for the nearest of all values."""

from __future__ import annotations

import numpy as np
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.quantize import e4m3


def encode(values):
    magnitudes = np.array(values, np.float32)
    codes = np.empty(magnitudes.shape, np.uint8)
    e4m3.encode(magnitudes, np.empty(magnitudes.shape, np.uint32), codes)
    return codes


@pytest.mark.parametrize(
    ("code", "value"),
    [(0x00, 0.0), (0x01, 2.0**-9), (0x07, 7 * 2.0**-9), (0x08, 2.0**-6), (0x38, 1.0), (0x7E, 448.0), (0xB8, -1.0)],
)
def test_the_values_are_those_of_the_paper(code, value):
    assert e4m3.values()[code] == value


def test_two_codes_are_no_numbers():
    assert np.isnan(e4m3.values()).nonzero()[0].tolist() == [0x7F, 0xFF]


@pytest.mark.parametrize("scale", [1.0, 2.0**-140, 0.3e-4, 257.0, 2.0**118])
def test_codes_stand_for_their_values_times_the_scale(scale):
    codes = np.array([code for code in range(256) if code & 0x7F != e4m3.NAN], np.uint8)
    scales = np.array([scale], np.float32)
    found = np.empty(codes.shape, np.float32)
    e4m3.decode(codes, scales, found)
    assert (found.view(np.uint32) == (e4m3.values()[codes] * scales).view(np.uint32)).all()


def test_every_value_has_its_own_code():
    codes = np.arange(e4m3.NAN, dtype=np.uint8)
    assert (encode(e4m3.values()[codes]) == codes).all()


def test_above_the_largest_value_it_is_still_the_nearest():
    assert (encode([448.5, 456, 463.9]) == 0x7E).all()


def test_a_value_between_two_becomes_the_nearer_one_and_in_the_middle_the_even_one():
    known = e4m3.values()[: e4m3.NAN].astype(np.float64)
    random = np.random.default_rng(0)
    values = np.concatenate(
        [(known[1:] + known[:-1]) / 2, random.uniform(0, 448, 20_000), np.exp2(random.uniform(-30, 8.8, 20_000))]
    ).astype(np.float32)
    distances = np.abs(values[:, None].astype(np.float64) - known[None, :])
    nearest = distances.argmin(axis=1)
    tied = (distances == distances.min(axis=1, keepdims=True)).sum(axis=1) == 2
    assert tied.sum() >= len(known) - 1
    wanted = np.where(tied & (nearest % 2 == 1), nearest + 1, nearest)
    assert (encode(values) == wanted).all()
