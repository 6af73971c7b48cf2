# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What layers keep, per token and device. Every figure follows from the comment beside it."""

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.fit.flags import Flags
from ansible_collections.inference.fleet.plugins.module_utils.fit.kv_cache import kv_cache, stages
from ansible_collections.inference.fleet.plugins.module_utils.fit.model_config import read_config
from ansible_collections.inference.fleet.plugins.module_utils.fit.pages import pages_of

from .tensors_of import config_of, raw_config

BATCH = 8192  # tokens


def cache_of(name, **flags):
    model, given = config_of(f"models/{name}"), Flags(**flags)
    pages = pages_of(model, given)
    return kv_cache(pages, len(model.layers), given.pipeline_parallel_size, given.in_flight * BATCH)


@pytest.mark.parametrize(
    ("name", "flags", "figure"),
    [
        # layers x kv heads x (key + value) x bytes
        ("HuggingFaceTB--SmolLM2-135M-Instruct", {}, 30 * 3 * (64 + 64) * 2),  # 23,040
        ("meta-llama--Meta-Llama-3.1-8B", {}, 32 * 8 * (128 + 128) * 2),  # 131,072; 128 = 4096 / 32 heads
        ("meta-llama--Meta-Llama-3.1-8B", {"tensor_parallel_size": 4}, 32 * 2 * 256 * 2),  # 8 kv heads / 4
        ("meta-llama--Meta-Llama-3.1-8B", {"tensor_parallel_size": 16}, 32 * 1 * 256 * 2),  # each keeps one head
        ("meta-llama--Meta-Llama-3.1-8B", {"kv_cache_dtype": "fp8"}, 32 * 8 * 256 * 1),
        ("meta-llama--Meta-Llama-3.1-8B", {"pipeline_parallel_size": 2}, 16 * 8 * 256 * 2),  # half of the layers
        ("Qwen--Qwen2.5-7B-Instruct", {}, 28 * 4 * (128 + 128) * 2),  # its window is written, but not used
        ("mistralai--Mistral-7B-Instruct-v0.3", {}, 32 * 8 * (128 + 128) * 2),  # sliding_window: null
        ("microsoft--phi-4", {}, 40 * 10 * (128 + 128) * 2),
        ("mistralai--Mixtral-8x7B-v0.1", {}, 32 * 8 * (128 + 128) * 2),  # experts keep nothing
        ("Qwen--Qwen3-30B-A3B-FP8", {}, 48 * 4 * (128 + 128) * 2),  # weights in FP8, keys and values not
        ("Qwen--Qwen3-VL-30B-A3B", {}, 48 * 4 * (128 + 128) * 2),  # what sees keeps nothing
        ("microsoft--WizardLM-2-8x22B", {}, 56 * 8 * (128 + 128) * 2),  # 128 = 6144 / 48 heads
        ("ibm-granite--granite-3.1-1b-a400m-instruct", {}, 24 * 8 * (64 + 64) * 2),  # float32 is halved
        ("ibm-granite--granite-3b-code-instruct-128k", {}, 32 * 32 * (80 + 80) * 2),  # as many kv heads as heads
        ("Qwen--Qwen2.5-3B", {}, 36 * 2 * (128 + 128) * 2),
        ("Qwen--Qwen-7B-Chat-Int4", {}, 32 * 32 * (128 + 128) * 2),  # weights of 4 bits, keys and values of 16
        ("Qwen--Qwen-72B", {}, 80 * 64 * (128 + 128) * 2),  # 2,621,440; its heads share no keys
        ("deepcogito--cogito-v1-preview-qwen-14B", {}, 48 * 8 * (128 + 128) * 2),  # use_sliding_window: false
        ("mistralai--Devstral-Small-2507", {}, 40 * 8 * (128 + 128) * 2),  # head_dim, which is not 5120 / 32 heads
        ("google--gemma-2b-it", {}, 18 * 1 * (256 + 256) * 2),  # all heads share one key
        ("meta-llama--Llama-3.2-3B", {}, 28 * 8 * (128 + 128) * 2),
        ("mattshumer--Reflection-Llama-3.1-70B", {}, 80 * 8 * (128 + 128) * 2),
        ("tiiuae--falcon-180B-chat", {}, 80 * 8 * (64 + 64) * 2),  # num_kv_heads, whatever multi_query says
        ("internlm--internlm2-chat-7b", {}, 32 * 8 * (128 + 128) * 2),
        ("XiaomiMiMo--MiMo-7B", {}, 36 * 8 * (128 + 128) * 2),  # its window is not used; a layer ahead is not loaded
        ("YouriLalain--3PRYMMAL-PHI3-3B-SLERP", {}, 0),  # all of its layers have a window
        # MLA: layers x (kv_lora_rank + qk_rope_head_dim) x bytes, on every device
        ("deepseek-ai--DeepSeek-V3", {}, 61 * (512 + 64) * 2),
        ("deepseek-ai--DeepSeek-V3", {"tensor_parallel_size": 8}, 61 * (512 + 64) * 2),
        # Of these only layers without window or state take more with each token: 12, 16, 12, 6, 10, 13 and 10 of them.
        ("openai--gpt-oss-20b", {}, 12 * 8 * (64 + 64) * 2),
        ("LGAI-EXAONE--EXAONE-4.0-32B", {}, 16 * 8 * (128 + 128) * 2),
        ("Qwen--Qwen3-Next-80B-A3B-Instruct", {}, 12 * 2 * (256 + 256) * 2),
        ("nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", {}, 6 * 2 * (128 + 128) * 2),
        ("bryce-hoehn--Qwen3.5-25B-REAP-A3B-Coding", {}, 10 * 2 * (256 + 256) * 2),
        ("google--gemma-2-2b-it", {}, 13 * 4 * (256 + 256) * 2),  # every second of 26
        ("google--medgemma-27b-it", {}, 10 * 16 * (128 + 128) * 2),  # every sixth of 62
    ],
)
def test_bytes_per_token(name, flags, figure):
    assert cache_of(name, **flags).token_bytes == figure


@pytest.mark.parametrize(
    ("name", "length", "blocks"),
    [
        ("meta-llama--Meta-Llama-3.1-8B", 131072, 131072 // 16),
        ("meta-llama--Meta-Llama-3.1-8B", 131073, 131072 // 16 + 1),  # a block that is begun is taken whole
        # One group of 12 layers with a window, one of 12 without. In flight are two batches of 8192 tokens:
        # (127 + 16384) / 16, rounded up, is 1032, and one more, for a window need not begin where a block does.
        ("openai--gpt-oss-20b", 131072, 131072 // 16 + 1032 + 1),
        # 48 layers with a window make three groups of 16, as many as there are without: (4095 + 16384) / 16 is 1280.
        ("LGAI-EXAONE--EXAONE-4.0-32B", 131072, 131072 // 16 + 3 * (1280 + 1)),
        ("LGAI-EXAONE--EXAONE-4.0-32B", 160, 10 + 3 * (10 + 1)),  # no more than the context
    ],
)
def test_blocks_of_a_request(name, length, blocks):
    assert cache_of(name).blocks_per_request(length) == blocks


def test_blocks_of_a_hybrid_are_as_large_as_its_states():
    """Qwen3-Next: a gated delta net convolves 2·16·128 + 32·128 = 8192 channels over 3 tokens and has 32·128·128
    numbers of state: (24,576 + 524,288) · 2 = 1,097,728 bytes. A token takes 2 · 512 · 2 = 2048 bytes of an attention
    layer: 536 tokens, rounded up to 544, which are 34 times 16; vLLM logs 'Setting attention block size to 544 tokens'.
    Its 36 layers make three groups of 12, as many as there are with attention; each holds two states of a request.
    """
    cache = cache_of("Qwen--Qwen3-Next-80B-A3B-Instruct")
    assert (cache.block_size, cache.block_bytes) == (544, (12 * 544 * 2048,))
    assert cache.blocks_per_request(5440) == 10 + 3 * 2


def test_states_of_nemotron_are_kept_in_float32_and_thrice():
    """Mamba 2: 64·64 + 2·8·128 = 6144 channels over 3 tokens of 2 bytes, and 64·64·128 numbers of 4 bytes: 2,134,016
    bytes; a token of attention takes 2 · 256 · 2 = 1024: 2084 tokens, rounded up to 2096. 23 Mamba layers and 6 with
    attention: four groups of 6, of which each keeps three states of a request.
    """
    cache = cache_of("nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16")
    assert (cache.block_size, cache.block_bytes) == (2096, (6 * 2096 * 1024,))
    assert cache.blocks_per_request(2096) == 1 + 4 * 3


def test_layers_that_do_not_divide_among_stages_go_to_the_middle():
    assert stages(61, 4) == [(0, 15), (15, 30), (30, 46), (46, 61)]
    assert stages(30, 1) == [(0, 30)]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("index_topk", 2048, "an index of its tokens beside the cache"),
        ("is_encoder_decoder", True, "an encoder"),
        ("num_kv_shared_layers", 10, "layers that share their cache"),
        ("attn_type_list", [0, 0, 0, 0, 0, 0, 0, 1], "layers of lightning attention"),  # as of MiniMax-M1
    ],
)
def test_what_is_not_accounted_for_is_said(key, value, said):
    with pytest.raises(FleetError, match=said):
        read_config({**raw_config("models/deepseek-ai--DeepSeek-V3"), key: value}, "this")


@pytest.mark.parametrize("raw", [[], {}, {"hidden_size": 1}, {"hidden_size": "much"}])
def test_what_is_no_configuration_is_said(raw):
    with pytest.raises(FleetError, match=r"Failed to read config.json of org/name"):
        read_config(raw, "org/name")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rope_scaling", "yarn", "'str' object has no attribute"),
        ("text_config", "none", "'str' object has no attribute"),
        ("hidden_size", float("inf"), "infinity"),
        ("num_attention_heads", 0, "zero"),
        ("num_hidden_layers", 0, "it has 0 layers"),
        ("layer_types", ["full_attention"] * 3, "it names the kinds of 3 layers and has 28"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_said(key, value, said):
    raw = {**raw_config("models/Qwen--Qwen2.5-7B-Instruct"), key: value}
    with pytest.raises(FleetError, match=f"Failed to read config.json of org/name: .*{said}"):
        read_config(raw, "org/name")


@pytest.mark.parametrize(
    ("scaling", "longest", "usual"),
    [
        (None, 32768, 32768),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 32768, 32768),
        ({"type": "linear", "factor": 2.0}, 65536, 65536),
        ({"type": "longrope", "short_factor": [1.0]}, 32768, 4096),
    ],
)
def test_the_context_that_a_model_was_made_for(scaling, longest, usual):
    raw = {**raw_config("models/Qwen--Qwen2.5-7B-Instruct"), "rope_scaling": scaling}
    model = read_config({**raw, "original_max_position_embeddings": 4096}, "this")
    assert (model.longest, model.max_model_len) == (longest, usual)


def test_a_decoder_of_the_old_kind_has_one_key_for_all_heads():
    """Falcon 7B: 71 heads of 64 and one key and value, of 4672 rows; Falcon 180B says multi_query and has 8."""
    raw = {**raw_config("models/tiiuae--falcon-180B-chat"), "new_decoder_architecture": False}
    model = read_config({**raw, "hidden_size": 4544, "num_attention_heads": 71}, "this")
    assert (model.kv_heads, model.layers[0][0].token_bytes(1, 2)) == (1, (64 + 64) * 2)


def test_a_model_that_sees_nests_its_language_model():
    text = raw_config("models/Qwen--Qwen2.5-7B-Instruct")
    model = read_config({"architectures": ["Seeing"], "text_config": text, "vision_config": {"depth": 27}}, "this")
    assert (model.architecture, len(model.layers), model.kv_heads) == ("Seeing", 28, 4)


def test_a_checkpoint_may_ask_for_an_fp8_cache():
    raw = raw_config("models/meta-llama--Meta-Llama-3.1-8B")
    raw["quantization_config"] = {"quant_method": "compressed-tensors", "kv_cache_scheme": {"num_bits": 8}}
    model = read_config(raw, "this")
    assert kv_cache(pages_of(model, Flags()), 32, 1, BATCH).token_bytes == 32 * 8 * 256
    assert kv_cache(pages_of(model, Flags(kv_cache_dtype="bfloat16")), 32, 1, BATCH).token_bytes == 131072
