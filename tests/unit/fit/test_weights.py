# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the weights take on each device."""

from __future__ import annotations

import re

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.fit.divisibility import sizes, why_not
from ansible_collections.inference.fleet.plugins.module_utils.fit.flags import Flags
from ansible_collections.inference.fleet.plugins.module_utils.fit.tensors import Tensor
from ansible_collections.inference.fleet.plugins.module_utils.fit.weights import weight_bytes

from .tensors_of import config_of, tensors_of

LLAMA = "models/meta-llama--Meta-Llama-3.1-8B"
GIB = 2**30


def on_each_stage(name, **flags):
    return weight_bytes(tensors_of(name), config_of(name), Flags(**flags))


@pytest.mark.parametrize(
    ("name", "total_size"),
    # As these repositories' model.safetensors.index.json say.
    [
        (LLAMA, 16060522496),
        ("models/Qwen--Qwen2.5-7B-Instruct", 15231233024),
        ("models/mistralai--Mistral-7B-Instruct-v0.3", 14496047104),
        ("models/mistralai--Mixtral-8x7B-v0.1", 93405585408),
        ("models/openai--gpt-oss-20b", 13761264768),
        ("models/microsoft--phi-4", 29319014400),
    ],
)
def test_one_device_takes_what_the_index_says(name, total_size):
    assert sum(tensor.size for tensor in tensors_of(name)) == total_size
    assert on_each_stage(name) == [total_size]


def test_a_tied_head_is_the_embedding():
    name = "models/HuggingFaceTB--SmolLM2-135M-Instruct"
    twice = (*tensors_of(name), Tensor("lm_head.weight", "BF16", (49152, 576)))
    assert weight_bytes(twice, config_of(name), Flags()) == [269030016]


def test_scales_of_the_vocabulary_are_no_vocabulary():
    scales = [Tensor("lm_head.weight_scale", "F32", shape) for shape in ((), (1,))]
    assert weight_bytes(scales, config_of("models/Qwen--Qwen3-30B-A3B-FP8"), Flags()) == [8]


def test_devices_divide_all_but_the_norms():
    """vLLM 0.6.4 logged 14.96 GiB for Llama 3 8B on one device and 7.48 on each of two (vllm-project/vllm#10511).
    Of the 16,060,522,496 bytes, 65 norms of 4096 numbers stay whole: 532,480 bytes.
    """
    whole = 65 * 4096 * 2
    assert on_each_stage(LLAMA, tensor_parallel_size=2) == [(16060522496 - whole) // 2 + whole]
    assert round(on_each_stage(LLAMA)[0] / GIB, 2) == 14.96
    assert round(on_each_stage(LLAMA, tensor_parallel_size=2)[0] / GIB, 2) == 7.48


def test_keys_and_values_are_repeated_where_devices_outnumber_heads():
    """16 devices, 8 heads: k_proj and v_proj of 32 layers, 1024 x 4096 numbers each, are divided by 8 only."""
    whole, repeated = 65 * 4096 * 2, 32 * 2 * 1024 * 4096 * 2
    expected = (16060522496 - whole - repeated) // 16 + repeated // 8 + whole
    assert on_each_stage(LLAMA, tensor_parallel_size=16) == [expected]


def test_a_fused_projection_is_divided_by_heads():
    """Phi-4, two devices: of each qkv_proj, (20 + 2·5) of (40 + 2·10) heads."""
    whole = 81 * 5120 * 2
    assert on_each_stage("models/microsoft--phi-4", tensor_parallel_size=2) == [(29319014400 - whole) // 2 + whole]


def test_stages_have_their_layers_and_the_ends_have_the_vocabulary():
    """Llama 3.1 8B in two stages: 16 layers of 436,224,000 bytes each, 2·128256·4096 bytes of embedding, as many of the
    head, and the last norm.
    """
    layer = (2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 14336 * 4096 + 2 * 4096) * 2
    vocabulary = 128256 * 4096 * 2
    expected = [16 * layer + vocabulary, 16 * layer + vocabulary + 4096 * 2]
    assert on_each_stage(LLAMA, pipeline_parallel_size=2) == expected


def test_experts_are_divided_and_their_router_is_not():
    """gpt-oss on two devices: what stays whole are norms, routers and the biases that are added once."""
    name = "models/openai--gpt-oss-20b"
    routers = 24 * (32 * 2880 + 32) * 2
    norms = 49 * 2880 * 2
    one, two = on_each_stage(name)[0], on_each_stage(name, tensor_parallel_size=2)[0]
    assert two == (one - routers - norms) // 2 + routers + norms


def test_latent_attention_keeps_a_projection_twice():
    """Three layers, 4 heads: kv_b_proj of 4·256 x 512 numbers is kept a second time, in the parts for decoding."""
    name = "shapes/deepseek-mla"
    assert on_each_stage(name)[0] == sum(tensor.size for tensor in tensors_of(name)) + 3 * 4 * 256 * 512 * 2


def test_what_predicts_further_tokens_is_not_loaded():
    model = config_of("models/deepseek-ai--DeepSeek-V3")
    extra = (Tensor("model.layers.61.self_attn.o_proj.weight", "F8_E4M3", (7168, 16384)),)
    assert weight_bytes(extra, model, Flags()) == [0]


def test_fp8_halves_the_linear_layers():
    """Llama 3.1 8B: embedding, head and norms stay in bf16: 2 · 1,050,673,152 + 532,480 bytes."""
    kept = 2 * 128256 * 4096 * 2 + 65 * 4096 * 2
    assert on_each_stage(LLAMA, quantization="fp8") == [(16060522496 - kept) // 2 + kept]


def test_float32_is_cast():
    tensor = Tensor("model.norm.weight", "F32", (4096,))
    assert weight_bytes([tensor], config_of(LLAMA), Flags()) == [8192]
    assert weight_bytes([tensor], config_of(LLAMA), Flags(dtype="float32")) == [16384]


@pytest.mark.parametrize(
    ("name", "flags", "said"),
    [
        ("HuggingFaceTB--SmolLM2-135M-Instruct", {"tensor_parallel_size": 2}, "9 attention heads cannot be divided"),
        ("Qwen--Qwen2.5-7B-Instruct", {"tensor_parallel_size": 7}, "4 key-value heads and 7 devices"),
        ("microsoft--phi-4", {"tensor_parallel_size": 4}, "10 key-value heads and 4 devices"),
        ("Qwen--Qwen3-30B-A3B-FP8", {"tensor_parallel_size": 8}, "blocks of 128 .* part of 96"),
        ("HuggingFaceTB--SmolLM2-135M-Instruct", {"pipeline_parallel_size": 31}, "30 layers cannot be divided"),
    ],
)
def test_what_vllm_does_not_divide(name, flags, said):
    assert re.search(said, why_not(config_of(f"models/{name}"), Flags(**flags)))


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("HuggingFaceTB--SmolLM2-135M-Instruct", [1, 3]),  # 9 would divide the heads, but 1536 / 9 is not whole
        ("meta-llama--Meta-Llama-3.1-8B", [1, 2, 4, 8, 16]),
        ("Qwen--Qwen2.5-7B-Instruct", [1, 2, 4]),
        ("Qwen--Qwen3-30B-A3B-FP8", [1, 2]),  # 768 / 4 = 192 is no multiple of 128
    ],
)
def test_sizes_that_vllm_accepts(name, accepted):
    assert sizes(config_of(f"models/{name}"), Flags(), 16) == accepted
