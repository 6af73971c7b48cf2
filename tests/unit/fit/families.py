# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of a language model's tensors, of the families that name them as llama does."""

from __future__ import annotations

TIED = ("gemma", "gemma2", "gemma3_text")  # have one matrix as embedding and head where their files do not say
NORMED = ("gemma3_text", "qwen3_vl_moe_text")  # norm queries and keys
SANDWICHED = ("gemma2", "gemma3_text")  # norm also what the MLP takes and gives


def like_llama(raw):
    hidden, vocab, kind = raw["hidden_size"], raw["vocab_size"], raw["model_type"]
    found = {"model.embed_tokens.weight": (vocab, hidden), "model.norm.weight": (hidden,)}
    if not raw.get("tie_word_embeddings", kind in TIED):
        found["lm_head.weight"] = (vocab, hidden)
    layer = _layer(raw)
    for place in range(raw["num_hidden_layers"]):
        found.update({f"model.layers.{place}.{part}": shape for part, shape in layer.items()})
    if kind == "mimo":  # a further layer predicts the token after the next
        layer |= {f"{part}_layernorm.weight": (hidden,) for part in ("token", "hidden", "final")}
        layer["input_proj.weight"] = (hidden, 2 * hidden)
        found.update({f"model.mtp_layers.0.{part}": shape for part, shape in layer.items()})
    return found


def _layer(raw):
    hidden, kind = raw["hidden_size"], raw["model_type"]
    mlps = {"gpt_oss": _gpt_oss, "mixtral": _mixtral, "granitemoe": _granite_moe, "qwen3_vl_moe_text": _qwen3_moe}
    layer = {"input_layernorm.weight": (hidden,), "post_attention_layernorm.weight": (hidden,)}
    layer.update(_latent(raw) if "kv_lora_rank" in raw else _attention(raw))
    layer.update(mlps.get(kind, _mlp)(raw))
    if kind in SANDWICHED:
        layer |= {"pre_feedforward_layernorm.weight": (hidden,), "post_feedforward_layernorm.weight": (hidden,)}
    return layer


def _attention(raw):
    hidden, heads, groups, kind = (
        raw[key] for key in ("hidden_size", "num_attention_heads", "num_key_value_heads", "model_type")
    )
    dim = raw.get("head_dim") or hidden // heads
    if kind == "phi3":
        fused = {"self_attn.qkv_proj.weight": ((heads + 2 * groups) * dim, hidden)}
        return {**fused, "self_attn.o_proj.weight": (hidden, heads * dim)}
    rows = {"q": heads * dim, "k": groups * dim, "v": groups * dim}
    found = {f"self_attn.{part}_proj.weight": (size, hidden) for part, size in rows.items()}
    found["self_attn.o_proj.weight"] = (hidden, heads * dim)
    if kind == "qwen2" or raw.get("attention_bias"):
        found |= {f"self_attn.{part}_proj.bias": (size,) for part, size in rows.items()}
    if kind in ("gpt_oss", "llama") and raw.get("attention_bias"):
        found["self_attn.o_proj.bias"] = (hidden,)
    if kind == "gpt_oss":
        found["self_attn.sinks"] = (heads,)
    if kind in NORMED:
        found |= {"self_attn.q_norm.weight": (dim,), "self_attn.k_norm.weight": (dim,)}
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
    shapes = {"gate": (wide, hidden), "up": (wide, hidden), "down": (hidden, wide)}
    found = {f"mlp.{part}_proj.weight": shape for part, shape in shapes.items()}
    if raw.get("mlp_bias"):
        found |= {f"mlp.{part}_proj.bias": shape[:1] for part, shape in shapes.items()}
    return found


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


def _granite_moe(raw):
    hidden, wide, experts = raw["hidden_size"], raw["intermediate_size"], raw["num_local_experts"]
    return {
        "block_sparse_moe.router.layer.weight": (experts, hidden),
        "block_sparse_moe.input_linear.weight": (experts, 2 * wide, hidden),
        "block_sparse_moe.output_linear.weight": (experts, hidden, wide),
    }


def _qwen3_moe(raw):
    hidden, wide, experts = raw["hidden_size"], raw["moe_intermediate_size"], raw["num_experts"]
    return {
        "mlp.gate.weight": (experts, hidden),
        "mlp.experts.gate_up_proj": (experts, hidden, 2 * wide),
        "mlp.experts.down_proj": (experts, wide, hidden),
    }


def _gpt_oss(raw):
    hidden, wide, experts = raw["hidden_size"], raw["intermediate_size"], raw["num_local_experts"]
    found = {"mlp.router.weight": (experts, hidden), "mlp.router.bias": (experts,)}
    for part, rows, columns in (("gate_up_proj", 2 * wide, hidden), ("down_proj", hidden, wide)):
        blocks = (experts, rows, columns // 32)  # 32 numbers of 4 bits share a scale
        at = f"mlp.experts.{part}"
        found |= {f"{at}_blocks": (*blocks, 16), f"{at}_scales": blocks, f"{at}_bias": (experts, rows)}
    return found
