# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of the tensors of models whose layers are of several kinds."""

from __future__ import annotations


def qwen3_5(raw):
    """Gated delta nets and gated attention; each expert is stored by itself."""
    hidden, vocab = raw["hidden_size"], raw["vocab_size"]
    kinds = {"linear_attention": _delta_net(raw), "full_attention": _gated_attention(raw)}
    found = {"embed_tokens.weight": (vocab, hidden), "norm.weight": (hidden,)}
    for place, kind in enumerate(raw["layer_types"]):
        layer = kinds[kind] | _experts(raw)
        layer |= {"input_layernorm.weight": (hidden,), "post_attention_layernorm.weight": (hidden,)}
        found.update({f"layers.{place}.{part}": shape for part, shape in layer.items()})
    found = {f"model.language_model.{name}": shape for name, shape in found.items()}
    return found | {"lm_head.weight": (vocab, hidden)}


def _delta_net(raw):
    hidden, heads, dim = raw["hidden_size"], raw["linear_num_value_heads"], raw["linear_value_head_dim"]
    value = heads * dim
    convolved = 2 * raw["linear_num_key_heads"] * raw["linear_key_head_dim"] + value
    found = {"conv1d": (convolved, 1, raw["linear_conv_kernel_dim"]), "norm": (dim,), "out_proj": (hidden, value)}
    found |= {f"in_proj_{part}": (rows, hidden) for part, rows in zip("abz", (heads, heads, value), strict=True)}
    found["in_proj_qkv"] = (convolved, hidden)
    found = {f"linear_attn.{name}.weight": shape for name, shape in found.items()}
    return found | {"linear_attn.A_log": (heads,), "linear_attn.dt_bias": (heads,)}


def _gated_attention(raw):
    hidden, dim = raw["hidden_size"], raw["head_dim"]
    heads, groups = raw["num_attention_heads"] * dim, raw["num_key_value_heads"] * dim
    rows = {"q": 2 * heads, "k": groups, "v": groups}  # a query and its gate
    found = {f"self_attn.{part}_proj.weight": (size, hidden) for part, size in rows.items()}
    found |= {f"self_attn.{part}_norm.weight": (dim,) for part in ("q", "k")}
    return found | {"self_attn.o_proj.weight": (hidden, heads)}


def _experts(raw):
    hidden, experts = raw["hidden_size"], raw["num_experts"]
    widths = {f"experts.{expert}": raw["moe_intermediate_size"] for expert in range(experts)}
    widths["shared_expert"] = raw["shared_expert_intermediate_size"]
    found = {"mlp.gate.weight": (experts, hidden), "mlp.shared_expert_gate.weight": (1, hidden)}
    for at, wide in widths.items():
        found |= {f"mlp.{at}.{part}_proj.weight": (wide, hidden) for part in ("gate", "up")}
        found[f"mlp.{at}.down_proj.weight"] = (hidden, wide)
    return found
