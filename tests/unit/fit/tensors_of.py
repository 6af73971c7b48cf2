# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tensors of a model as they follow from its configuration: what a repository's safetensors headers say."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.inference.fleet.plugins.module_utils.fit.model_config import read_config
from ansible_collections.inference.fleet.plugins.module_utils.fit.tensors import Tensor

HERE = Path(__file__).parent


def raw_config(name):
    """``config.json`` of one of the models/ or shapes/."""
    return json.loads((HERE / name / "config.json").read_text(encoding="utf-8"))


def config_of(name):
    return read_config(raw_config(name), name)


def tensors_of(name):
    """All tensors of a model of the families llama, mistral, qwen2, phi3, gemma2, mixtral, gpt_oss or deepseek."""
    raw = raw_config(name)
    hidden, vocab, kind = raw["hidden_size"], raw["vocab_size"], raw["model_type"]
    found = {"model.embed_tokens.weight": (vocab, hidden), "model.norm.weight": (hidden,)}
    if not raw.get("tie_word_embeddings"):
        found["lm_head.weight"] = (vocab, hidden)
    for place in range(raw["num_hidden_layers"]):
        layer = {"input_layernorm.weight": (hidden,), "post_attention_layernorm.weight": (hidden,)}
        layer.update(_latent(raw) if "kv_lora_rank" in raw else _attention(raw))
        layer.update({"gpt_oss": _gpt_oss, "mixtral": _mixtral}.get(kind, _mlp)(raw))
        if kind == "gemma2":
            layer |= {"pre_feedforward_layernorm.weight": (hidden,), "post_feedforward_layernorm.weight": (hidden,)}
        found.update({f"model.layers.{place}.{part}": shape for part, shape in layer.items()})
    return tuple(
        Tensor(part, "U8" if part.endswith(("_blocks", "_scales")) else "BF16", shape) for part, shape in found.items()
    )


def _attention(raw):
    hidden, heads, groups = raw["hidden_size"], raw["num_attention_heads"], raw["num_key_value_heads"]
    dim = raw.get("head_dim") or hidden // heads
    if raw["model_type"] == "phi3":
        fused = {"self_attn.qkv_proj.weight": ((heads + 2 * groups) * dim, hidden)}
        return {**fused, "self_attn.o_proj.weight": (hidden, heads * dim)}
    rows = {"q": heads * dim, "k": groups * dim, "v": groups * dim}
    found = {f"self_attn.{part}_proj.weight": (size, hidden) for part, size in rows.items()}
    found["self_attn.o_proj.weight"] = (hidden, heads * dim)
    if raw["model_type"] in ("qwen2", "gpt_oss"):
        found |= {f"self_attn.{part}_proj.bias": (size,) for part, size in rows.items()}
    if raw["model_type"] == "gpt_oss":
        found |= {"self_attn.o_proj.bias": (hidden,), "self_attn.sinks": (heads,)}
    return found


def _latent(raw):
    hidden, heads, rank = raw["hidden_size"], raw["num_attention_heads"], raw["kv_lora_rank"]
    nope, rope, value = raw["qk_nope_head_dim"], raw["qk_rope_head_dim"], raw["v_head_dim"]
    return {
        "self_attn.q_a_proj.weight": (raw["q_lora_rank"], hidden),
        "self_attn.q_a_layernorm.weight": (raw["q_lora_rank"],),
        "self_attn.q_b_proj.weight": (heads * (nope + rope), raw["q_lora_rank"]),
        "self_attn.kv_a_proj_with_mqa.weight": (rank + rope, hidden),
        "self_attn.kv_a_layernorm.weight": (rank,),
        "self_attn.kv_b_proj.weight": (heads * (nope + value), rank),
        "self_attn.o_proj.weight": (hidden, heads * value),
    }


def _mlp(raw):
    hidden, wide = raw["hidden_size"], raw["intermediate_size"]
    if raw["model_type"] == "phi3":
        return {"mlp.gate_up_proj.weight": (2 * wide, hidden), "mlp.down_proj.weight": (hidden, wide)}
    return {
        "mlp.gate_proj.weight": (wide, hidden),
        "mlp.up_proj.weight": (wide, hidden),
        "mlp.down_proj.weight": (hidden, wide),
    }


def _mixtral(raw):
    hidden, wide, experts = raw["hidden_size"], raw["intermediate_size"], raw["num_local_experts"]
    found = {"block_sparse_moe.gate.weight": (experts, hidden)}
    for expert in range(experts):
        at = f"block_sparse_moe.experts.{expert}"
        found |= {
            f"{at}.w1.weight": (wide, hidden),
            f"{at}.w3.weight": (wide, hidden),
            f"{at}.w2.weight": (hidden, wide),
        }
    return found


def _gpt_oss(raw):
    hidden, wide, experts = raw["hidden_size"], raw["intermediate_size"], raw["num_local_experts"]
    found = {"mlp.router.weight": (experts, hidden), "mlp.router.bias": (experts,)}
    for part, rows, columns in (("gate_up_proj", 2 * wide, hidden), ("down_proj", hidden, wide)):
        blocks = (experts, rows, columns // 32)  # 32 numbers of 4 bits share a scale
        at = f"mlp.experts.{part}"
        found |= {f"{at}_blocks": (*blocks, 16), f"{at}_scales": blocks, f"{at}_bias": (experts, rows)}
    return found
