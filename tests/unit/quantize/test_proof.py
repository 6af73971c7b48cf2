# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as near enough: real mistakes of quantizers must not."""

from __future__ import annotations

import numpy as np
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize import e4m3
from ansible_collections.inference.fleet.plugins.module_utils.quantize.floats import narrow, round_to
from ansible_collections.inference.fleet.plugins.module_utils.quantize.proof import prove
from ansible_collections.inference.fleet.plugins.module_utils.quantize.rows import Evidence, RowQuantizer

from ...checkpoints import linear

WEIGHTS = linear(7, 64, 256)
round_to(WEIGHTS, "BF16", np.empty(WEIGHTS.shape, np.uint32))


def evidence_of(codes, scales):
    """The evidence of other codes and scales for the same weights."""
    restored = e4m3.values()[codes].astype(np.float64) * scales
    peaks = e4m3.values()[codes & 0x7F].max(axis=1)
    signal = float((WEIGHTS.astype(np.float64) ** 2).sum())
    return Evidence(len(codes), signal, float(((restored - WEIGHTS) ** 2).sum()), float(peaks.min()))


@pytest.fixture
def made():
    codes = np.empty(WEIGHTS.shape, np.uint8)
    scales, evidence = RowQuantizer(WEIGHTS.size).quantize(narrow(WEIGHTS, "BF16").reshape(-1), "BF16", codes)
    return codes, scales, evidence


def test_a_good_likeness_is_proven_with_its_worst_tensor(made):
    proof = prove({"a": made[2], "b": made[2]._replace(noise=made[2].noise * 1.05)}, "m")
    assert proof.tensors == 2
    assert proof.sqnr_tensor == "b"
    assert 31 < proof.sqnr_db < 32


def test_scales_of_the_wrong_rows_are_seen(made):
    with pytest.raises(FleetError, match=r"Failed to quantize m: w is .* dB from its source"):
        prove({"w": evidence_of(made[0], np.roll(made[1], 1))}, "m")


def test_codes_that_leave_their_range_unused_are_seen(made):
    _codes, scales, _evidence = made
    # As if no scale had been found: codes of the weights themselves, as near as others but for the smallest.
    magnitudes = np.abs(WEIGHTS) / np.float32(scales.max() * 2)
    codes = np.empty(WEIGHTS.shape, np.uint8)
    e4m3.encode(magnitudes, np.empty(WEIGHTS.shape, np.uint32), codes)
    codes |= np.signbit(WEIGHTS).view(np.uint8) << 7
    evidence = evidence_of(codes, scales.max() * 2)._replace(noise=made[2].noise)
    with pytest.raises(FleetError, match=r"has a row whose largest code stands for .* its scale is not its own"):
        prove({"w": evidence}, "m")


def test_a_code_that_is_no_number_is_seen(monkeypatch):
    encode = e4m3.encode

    def too_far(magnitudes, scratch, codes):
        encode(magnitudes, scratch, codes)
        codes[5, 9] = e4m3.NAN

    monkeypatch.setattr(e4m3, "encode", too_far)
    codes = np.empty(WEIGHTS.shape, np.uint8)
    evidence = RowQuantizer(WEIGHTS.size).quantize(narrow(WEIGHTS, "BF16").reshape(-1), "BF16", codes)[1]
    with pytest.raises(FleetError, match=r"Failed to quantize m: w "):
        prove({"w": evidence._replace(noise=0.0)}, "m")


def test_sums_that_are_no_numbers_are_no_proof(made):
    with pytest.raises(FleetError):
        prove({"w": made[2]._replace(noise=float("nan"))}, "m")


def test_zeros_are_like_zeros():
    assert prove({"w": Evidence(4, 0.0, 0.0)}, "m").relative_l2 == 0


def test_nothing_is_no_proof():
    with pytest.raises(FleetError, match="no tensor of it was"):
        prove({}, "m")
