# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the weights take on each device."""

from __future__ import annotations

import re

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.fit.alike import alike
from ansible_collections.inference.fleet.plugins.module_utils.fit.divisibility import sizes, why_not
from ansible_collections.inference.fleet.plugins.module_utils.fit.flags import Flags
from ansible_collections.inference.fleet.plugins.module_utils.fit.model_config import read_config
from ansible_collections.inference.fleet.plugins.module_utils.fit.weights import weight_bytes
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import Tensor

from .tensors_of import config_of, raw_config, tensors_of

LLAMA = "models/meta-llama--Meta-Llama-3.1-8B"
GIB = 2**30
# Families whose configuration classes in transformers 5.23 say so, of those that vLLM serves.
TIED = (
    *("cohere", "cohere2", "ernie4_5", "ernie4_5_moe", "falcon", "gemma", "gemma2", "gemma3_text", "lfm2", "lfm2_moe"),
    *("minicpm3", "opt", "smollm3", "starcoder2"),
)


def on_each_stage(name, **flags):
    return weight_bytes(alike(tensors_of(name)), config_of(name), Flags(**flags))


@pytest.mark.parametrize(
    ("name", "total_size"),
    # As these repositories' model.safetensors.index.json say.
    [
        ("models/mistralai--Mistral-7B-Instruct-v0.3", 14496047104),
        ("models/mistralai--Mixtral-8x7B-v0.1", 93405585408),
        ("models/microsoft--phi-4", 29319014400),
    ],
)
def test_one_device_takes_what_the_index_says(name, total_size):
    assert sum(tensor.size for tensor in tensors_of(name)) == total_size
    assert on_each_stage(name) == [total_size]


def test_a_tied_head_is_the_embedding():
    name = "models/HuggingFaceTB--SmolLM2-135M-Instruct"
    twice = (*tensors_of(name), Tensor("lm_head.weight", "BF16", (49152, 576)))
    assert weight_bytes(alike(twice), config_of(name), Flags()) == [269030016]


def test_files_of_gemma_and_falcon_do_not_say_that_their_heads_are_tied():
    """Gemma 2B was first uploaded with its head, 6,060,920,832 bytes; Falcon 180B is stored with its 65024 x 14848."""
    gemma = "models/google--gemma-2b-it"
    twice = (*tensors_of(gemma), Tensor("lm_head.weight", "BF16", (256000, 2048)))
    assert sum(tensor.size for tensor in twice) == 6060920832
    assert weight_bytes(alike(twice), config_of(gemma), Flags()) == [5012344832]
    assert on_each_stage("models/tiiuae--falcon-180B-chat") == [359045130240 - 65024 * 14848 * 2]
    layer = (2048 * (2048 + 2 * 256 + 2048) + 3 * 16384 * 2048 + 2 * 2048) * 2
    vocabulary = 256000 * 2048 * 2  # both ends have it
    assert on_each_stage(gemma, pipeline_parallel_size=2) == [
        9 * layer + vocabulary,
        9 * layer + vocabulary + 2048 * 2,
    ]


@pytest.mark.parametrize("kind", TIED)
def test_a_head_that_is_tied_by_default_is_on_the_last_stage(kind):
    raw = {**raw_config(LLAMA), "model_type": kind}
    vocabulary = alike([Tensor("model.embed_tokens.weight", "BF16", (128256, 4096))])
    untied, unsaid = raw, {key: value for key, value in raw.items() if key != "tie_word_embeddings"}
    size = 128256 * 4096 * 2
    for written, sizes_of_stages in ((untied, [size, 0]), (unsaid, [size, size])):
        flags = Flags(pipeline_parallel_size=2)
        assert weight_bytes(vocabulary, read_config(written, kind), flags) == sizes_of_stages


def test_scales_of_the_vocabulary_are_no_vocabulary():
    scales = [Tensor("lm_head.weight_scale", "F32", shape) for shape in ((), (1,))]
    assert weight_bytes(alike(scales), config_of("models/Qwen--Qwen3-30B-A3B-FP8"), Flags()) == [8]


def test_devices_divide_all_but_the_norms():
    """vLLM 0.6.4 logged 14.96 GiB for Llama 3 8B on one device and 7.48 on each of two (vllm-project/vllm#10511).
    Of the 16,060,522,496 bytes, 65 norms of 4096 numbers stay whole: 532,480 bytes.
    """
    whole = 65 * 4096 * 2
    assert on_each_stage(LLAMA, tensor_parallel_size=2) == [(16060522496 - whole) // 2 + whole]
    assert round(on_each_stage(LLAMA)[0] / GIB, 2) == 14.96
    assert round(on_each_stage(LLAMA, tensor_parallel_size=2)[0] / GIB, 2) == 7.48


def test_devices_divide_what_internlm_calls_otherwise():
    """wqkv, of 32 heads and 8 of keys, wo and tok_embeddings. Of the 15,475,417,088 bytes, 65 norms stay whole."""
    whole = 65 * 4096 * 2
    name = "models/internlm--internlm2-chat-7b"
    assert on_each_stage(name, tensor_parallel_size=2) == [(15475417088 - whole) // 2 + whole]


def test_devices_divide_the_vocabulary_of_gpt_neox_and_not_the_places_of_starcoder():
    """Both ends of Pythia 160M, whose 50304 rows are a multiple of 64; StarCoder's embedding of 8192 places."""
    embedding, head = (Tensor(f"{name}.weight", "F16", (50304, 768)) for name in ("gpt_neox.embed_in", "embed_out"))
    places = Tensor("transformer.wpe.weight", "BF16", (8192, 6144))
    model, half = config_of(LLAMA), Flags(tensor_parallel_size=2)
    assert weight_bytes(alike([embedding, head]), model, half) == [50304 * 768 * 2]
    assert weight_bytes(alike([embedding, head]), model, Flags(pipeline_parallel_size=2)) == [50304 * 768 * 2] * 2
    assert weight_bytes(alike([places]), model, half) == [8192 * 6144 * 2]


def test_a_layer_of_bert_is_no_head():
    """It is divided, and not left out where the head is tied."""
    layer = Tensor("encoder.layer.0.output.dense.weight", "BF16", (768, 3072))
    model = config_of("models/HuggingFaceTB--SmolLM2-135M-Instruct")
    assert weight_bytes(alike([layer]), model, Flags(tensor_parallel_size=3)) == [768 * 3072 * 2 // 3]


def test_devices_divide_experts_that_are_one_tensor():
    """Granite's input_linear and output_linear; 24 routers for 32 experts stay whole, and 49 norms."""
    whole = (24 * 32 + 49) * 1024 * 2
    name = "models/ibm-granite--granite-3.1-1b-a400m-instruct"
    assert on_each_stage(name, tensor_parallel_size=2) == [(on_each_stage(name)[0] - whole) // 2 + whole]


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


def test_what_sees_is_whole_on_the_first_stage_with_embeddings_of_its_own():
    """MedGemma 27B: 27 blocks, embeddings of patches and of their places, and a projection. Of its 62 layers each of
    two stages has 31; both have the vocabulary, for the head is tied.
    """
    block = 4 * 1152 * 1153 + 2 * 4304 * 1152 + 4304 + 1152 + 2 * 2 * 1152
    tower = 27 * block + 1152 * (3 * 14 * 14 + 1) + 4096 * 1152 + 2 * 1152 + 1152 * 5376 + 1152
    layer = 2 * (4096 + 2048) * 5376 + 3 * 21504 * 5376 + 4 * 5376 + 2 * 128
    vocabulary = 262208 * 5376
    first, last = on_each_stage("models/google--medgemma-27b-it", pipeline_parallel_size=2)
    assert first == 2 * (tower + 31 * layer + vocabulary)
    assert last == 2 * (31 * layer + vocabulary + 5376)


def test_experts_are_divided_and_their_router_is_not():
    """gpt-oss on two devices: what stays whole are norms, routers and the biases that are added once."""
    name = "models/openai--gpt-oss-20b"
    routers = 24 * (32 * 2880 + 32) * 2
    norms = 49 * 2880 * 2
    biases = 24 * (2880 + 32 * 2880) * 2  # of o_proj and of each expert's down_proj
    one, two = on_each_stage(name)[0], on_each_stage(name, tensor_parallel_size=2)[0]
    assert two == (one + routers + norms + biases) // 2


def test_biases_are_divided_but_for_those_that_are_added_once():
    """Granite 3B, two devices: o_proj's and down_proj's of 32 layers stay whole, and 65 norms."""
    name = "models/ibm-granite--granite-3b-code-instruct-128k"
    whole = (32 * 2 + 65) * 2560 * 2
    assert on_each_stage(name, tensor_parallel_size=2) == [(6965007360 + whole) // 2]


def test_latent_attention_keeps_a_projection_twice():
    """Three layers, 4 heads: kv_b_proj of 4·256 x 512 numbers is kept a second time, in the parts for decoding."""
    name = "shapes/deepseek-mla"
    assert on_each_stage(name)[0] == sum(tensor.size for tensor in tensors_of(name)) + 3 * 4 * 256 * 512 * 2


def test_what_predicts_further_tokens_is_not_loaded():
    """MiMo has such a layer beside its 36: 41,943,040 numbers of attention and 6144 of its biases, 135,266,304 of the
    MLP, 5 norms, and a projection of 4096 x 8192.
    """
    ahead = (41943040 + 6144 + 135266304 + 5 * 4096 + 4096 * 8192) * 2
    assert on_each_stage("models/XiaomiMiMo--MiMo-7B") == [15666819072 - ahead]
    model = config_of("models/deepseek-ai--DeepSeek-V3")
    extra = (Tensor("model.layers.61.self_attn.o_proj.weight", "F8_E4M3", (7168, 16384)),)
    assert weight_bytes(alike(extra), model, Flags()) == [0]


@pytest.mark.parametrize("quantization", ["fp8", "inc"])
def test_fp8_halves_the_linear_layers(quantization):
    """Llama 3.1 8B: embedding, head and norms stay in bf16: 2 · 1,050,673,152 + 532,480 bytes."""
    kept = 2 * 128256 * 4096 * 2 + 65 * 4096 * 2
    assert on_each_stage(LLAMA, quantization=quantization) == [(16060522496 - kept) // 2 + kept]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("internlm--internlm2-chat-7b", (2 * 92544 + 65) * 4096),  # embedding, head, norms
        ("ibm-granite--granite-3.1-1b-a400m-instruct", (49216 + 24 * 32 + 49) * 1024),  # rows filled up to 64s; routers
        ("Qwen--Qwen-72B", (2 * 152064 + 161 + 80 * 3) * 8192),  # and c_attn's biases
    ],
)
def test_fp8_halves_linear_layers_whatever_they_are_called(name, kept):
    name = f"models/{name}"
    assert on_each_stage(name, quantization="fp8") == [(on_each_stage(name)[0] - 2 * kept) // 2 + 2 * kept]


def test_float32_is_cast():
    tensor = Tensor("model.norm.weight", "F32", (4096,))
    assert weight_bytes(alike([tensor]), config_of(LLAMA), Flags()) == [8192]
    assert weight_bytes(alike([tensor]), config_of(LLAMA), Flags(dtype="float32")) == [16384]


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


def test_tensors_that_differ_in_numbers_alone_are_one_kind():
    experts = [
        Tensor(f"model.layers.{layer}.mlp.experts.{expert}.w{part}.weight", "BF16", (4096, 14336))
        for layer in (0, 1, 32)
        for expert in range(8)
        for part in (1, 3)
    ]
    other = Tensor("model.layers.1.mlp.experts.0.w1.weight", "F8_E4M3", (4096, 14336))
    kinds = alike([*experts, other, Tensor("model.norm.weight", "BF16", (4096,))])
    assert [kind.counts for kind in kinds] == [{0: 8, 1: 8, 32: 8}, {0: 8, 1: 8, 32: 8}, {1: 1}, {None: 1}]
