# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tensors are quantized, and which models are not."""

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize.selection import (
    ignored,
    is_quantized,
    require_quantizable,
)
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import Tensor


def tensor(name, *shape, dtype="BF16"):
    return Tensor(name, dtype, shape or (64, 64))


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.0.mlp.gate_proj.weight",
        "model.layers.3.mlp.experts.7.down_proj.weight",
        "model.layers.3.block_sparse_moe.experts.7.w2.weight",
        "model.layers.0.self_attn.kv_a_proj_with_mqa.weight",
        "transformer.h.0.attn.c_attn.weight",
        "gpt_neox.layers.0.attention.query_key_value.weight",
        "model.decoder.project_in.weight",
        "bert.encoder.layer.0.attention.output.dense.weight",
    ],
)
def test_linear_layers_are(name):
    assert is_quantized(tensor(name))


@pytest.mark.parametrize(
    "name",
    [
        "lm_head.weight",
        "output.weight",
        "embed_out.weight",
        "model.embed_tokens.weight",
        "gpt_neox.embed_in.weight",
        "backbone.embedding.weight",
        "model.shared.weight",
        "transformer.wpe.weight",
        "model.decoder.embed_positions.weight",
        "roberta.embeddings.position_embeddings.weight",
        "token_type_embeddings.weight",
        "model.embed_tokens_per_layer.weight",
        "model.layers.3.mlp.gate.weight",
        "model.layers.3.mlp.shared_expert_gate.weight",
        "model.layers.3.feed_forward.router.weight",
        "visual.blocks.0.attn.qkv.weight",
        "model.layers.0.self_attn.q_proj.bias",
    ],
)
def test_head_embeddings_routers_and_other_towers_are_not(name):
    assert not is_quantized(tensor(name))


def test_neither_are_norms_and_whole_numbers():
    assert not is_quantized(tensor("model.norm.weight", 64))
    assert not is_quantized(tensor("model.layers.0.mlp.up_proj.weight", dtype="I8"))


def test_the_configuration_names_the_linear_layers_that_stay():
    names = ["model.embed_tokens.weight", "model.layers.0.mlp.gate.weight", "model.layers.0.mlp.up_proj.weight"]
    assert ignored(tensor(name) for name in names) == ["lm_head", "model.layers.0.mlp.gate"]
    names = ["gpt_neox.embed_in.weight", "transformer.wpe.weight", "embed_out.weight"]
    assert ignored(tensor(name) for name in names) == ["embed_out", "lm_head"]


@pytest.mark.parametrize(
    ("config", "tensors", "told"),
    [
        (
            {"quantization_config": {"quant_method": "awq"}},
            [tensor("model.layers.0.mlp.up_proj.weight")],
            "Failed to quantize m: it is quantized already (awq). Leave out quantization: serve it as it is.",
        ),
        (
            {},
            [tensor("model.layers.0.mlp.experts.gate_up_proj", 4, 64, 128)],
            "model.layers.0.mlp.experts.gate_up_proj holds all experts of a layer in one tensor",
        ),
        (
            {},
            [tensor("model.layers.0.block_sparse_moe.input_linear.weight", 4, 64, 128)],
            "model.layers.0.block_sparse_moe.input_linear.weight holds all experts of a layer in one tensor",
        ),
        ({}, [tensor("model.norm.weight", 64)], "it has no linear layers as a transformer's"),
        ({"model_type": "gpt2"}, [tensor("h.0.attn.c_attn.weight")], "it has no linear layers as a transformer's"),
        ({"model_type": "jais"}, [tensor("h.0.attn.c_attn.weight")], "it has no linear layers as a transformer's"),
    ],
)
def test_a_model_that_cannot_be_is_refused_with_the_reason(config, tensors, told):
    with pytest.raises(FleetError) as refusal:
        require_quantizable(config, tensors, "m")
    assert told in str(refusal.value)
