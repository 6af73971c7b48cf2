# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is derived from a configuration, held against the index of the same repository: so no prediction is tested with
tensors that a model does not have.
"""

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.fit.alike import alike
from ansible_collections.inference.fleet.plugins.module_utils.fit.flags import Flags
from ansible_collections.inference.fleet.plugins.module_utils.fit.weights import weight_bytes

from .tensors_of import HERE, config_of, index_of, tensors_of

INDEXED = sorted(f"models/{path.parent.name}" for path in (HERE / "models").glob("*/index.json"))
# What vLLM takes of an index: all of it, as it is stored, but for these. (Of Qwen-7B-Chat-Int4 it leaves out 1.9 MB of
# biases that the layers do not have; that is not accounted for.)
LOADED = {
    "XiaomiMiMo--MiMo-7B": lambda total: total - 421580800,  # a layer that predicts ahead (test_weights.py)
    "tiiuae--falcon-180B-chat": lambda total: total - 65024 * 14848 * 2,  # the head: it is tied
    # Rows of the vocabulary are filled up to a multiple of 64: 151665 to 151680, of embedding and head.
    "deepcogito--cogito-v1-preview-qwen-14B": lambda total: total + 15 * 5120 * 2 * 2,
    # float32 is halved, and then 49155 rows become 49216, of one matrix; and 128262 become 128320, of two.
    "ibm-granite--granite-3.1-1b-a400m-instruct": lambda total: total // 2 + 61 * 1024 * 2,
    "mattshumer--Reflection-Llama-3.1-70B": lambda total: total // 2 + 58 * 8192 * 2 * 2,
}


@pytest.mark.parametrize("name", INDEXED)
def test_tensors_are_those_of_the_index(name):
    total_size, names = index_of(name)
    tensors = tensors_of(name)
    assert {tensor.name for tensor in tensors} == names
    assert sum(tensor.size for tensor in tensors) == total_size


@pytest.mark.parametrize("name", INDEXED)
def test_one_device_takes_what_the_index_says(name):
    total_size, _names = index_of(name)
    expected = LOADED.get(name.removeprefix("models/"), int)(total_size)
    assert weight_bytes(alike(tensors_of(name)), config_of(name), Flags()) == [expected]
