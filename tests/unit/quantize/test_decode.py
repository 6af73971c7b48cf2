# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What codes and scales stand for, in each form that llm-compressor writes."""

from __future__ import annotations

import numpy as np
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.quantize.decode import Layer
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import Tensor

DTYPES = {np.dtype("u1"): "F8_E4M3", np.dtype("i1"): "I8", np.dtype("<i4"): "I32", np.dtype("f4"): "F32"}


def layer(**tensors: np.ndarray) -> Layer:
    """A layer with the given tensors."""
    described = {name: Tensor(name, DTYPES[values.dtype], values.shape) for name, values in tensors.items()}
    return Layer(described, lambda name, first, last: tensors[name][first:last].reshape(-1).view(np.uint8))


def scale(*values: float, shape: tuple[int, ...]) -> np.ndarray:
    return np.array(values, np.float32).reshape(shape)


E4M3 = np.array([[0x38, 0xC0, 0x7E], [0x00, 0x01, 0xFE]], np.uint8)  # 1, -2, 448; 0, 2^-9, -448


def test_e4m3_with_a_scale_for_each_row():
    found = layer(weight=E4M3, weight_scale=scale(2, 3, shape=(2, 1)))
    assert found.rows(0, 2).tolist() == [[2, -4, 896], [0, 3 * 2.0**-9, -1344]]
    assert found.rows(1, 2).tolist() == [[0, 3 * 2.0**-9, -1344]]


def test_e4m3_with_one_scale_for_all():
    assert layer(weight=E4M3, weight_scale=scale(2, shape=(1,))).rows(1, 2).tolist() == [[0, 2.0**-8, -896]]


def test_e4m3_with_a_scale_for_each_block():
    codes = np.full((129, 200), 0x38, np.uint8)
    rows = layer(weight=codes, weight_scale=scale(1, 2, 3, 4, shape=(2, 2))).rows(127, 129)
    assert rows.shape == (2, 200)
    assert [rows[0, 127], rows[0, 128], rows[1, 127], rows[1, 128], rows[1, 199]] == [1, 2, 3, 4, 4]


def test_integers_with_a_scale_for_each_row():
    codes = np.array([[-128, 0], [1, 127]], np.int8)
    found = layer(weight=codes, weight_scale=scale(0.5, 2, shape=(2, 1)))
    assert found.rows(0, 2).tolist() == [[-64, 0], [2, 254]]


def test_packed_integers_with_a_scale_for_each_group():
    nibbles = np.arange(16, dtype=np.int64)  # -8 to 7
    words = [int((nibbles[start : start + 8] << np.arange(0, 32, 4)).sum()) for start in (0, 8)]
    packed = np.array([words], np.uint32).view("<i4")
    found = layer(weight_packed=packed, weight_scale=scale(1, 10, shape=(1, 2)))
    assert found.shape == (1, 16)
    assert found.rows(0, 1).tolist() == [[-8, -7, -6, -5, -4, -3, -2, -1, 0, 10, 20, 30, 40, 50, 60, 70]]


def test_the_largest_of_each_area():
    found = layer(weight=np.zeros((300, 200), np.uint8), weight_scale=np.ones((3, 2), np.float32))
    magnitudes = np.zeros((60, 200), np.float32)  # of rows 100 to 159
    magnitudes[27, 127], magnitudes[28, 128] = 5, 7  # the last row of one block of rows, the first of the next
    areas, largest = found.largest(magnitudes, 100)
    assert areas == slice(0, 2)
    assert largest.tolist() == [[5, 0], [0, 7]]


@pytest.mark.parametrize(
    "tensors",
    [
        {"weight": E4M3},
        {"weight_scale": scale(1, shape=(1,))},
        {"weight": E4M3.astype(np.float32), "weight_scale": scale(1, shape=(1,))},
    ],
)
def test_other_forms_are_refused(tensors):
    with pytest.raises(ValueError, match="in no form that is known here"):
        layer(**tensors)


def test_scales_must_cover_the_codes():
    with pytest.raises(ValueError, match=r"its scales, \(2, 2\), do not cover \(2, 3\)"):
        layer(weight=E4M3, weight_scale=scale(1, 2, 3, 4, shape=(2, 2)))
