# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of a language model's tensors, of families that have names of their own for them."""

from __future__ import annotations


def falcon(raw):
    hidden, heads, vocab = raw["hidden_size"], raw["num_attention_heads"], raw["vocab_size"]
    fused = (heads + 2 * raw["num_kv_heads"]) * (hidden // heads)
    layer = {
        "self_attention.query_key_value.weight": (fused, hidden),
        "self_attention.dense.weight": (hidden, hidden),
        "mlp.dense_h_to_4h.weight": (4 * hidden, hidden),
        "mlp.dense_4h_to_h.weight": (hidden, 4 * hidden),
    }
    layer |= {f"ln_{part}.{kind}": (hidden,) for part in ("attn", "mlp") for kind in ("weight", "bias")}
    ends = {"word_embeddings.weight": (vocab, hidden), "ln_f.weight": (hidden,), "ln_f.bias": (hidden,)}
    return _of_transformer(raw, layer, ends) | {"lm_head.weight": (vocab, hidden)}  # stored, although it is tied


def qwen(raw):
    hidden, wide, vocab = raw["hidden_size"], raw["intermediate_size"] // 2, raw["vocab_size"]
    layer = {
        "attn.c_attn.weight": (3 * hidden, hidden),
        "attn.c_attn.bias": (3 * hidden,),
        "attn.c_proj.weight": (hidden, hidden),
        "mlp.w1.weight": (wide, hidden),
        "mlp.w2.weight": (wide, hidden),
        "mlp.c_proj.weight": (hidden, wide),
        "ln_1.weight": (hidden,),
        "ln_2.weight": (hidden,),
    }
    ends = {"wte.weight": (vocab, hidden), "ln_f.weight": (hidden,)}
    return _of_transformer(raw, layer, ends) | {"lm_head.weight": (vocab, hidden)}


def internlm2(raw):
    hidden, wide, vocab = raw["hidden_size"], raw["intermediate_size"], raw["vocab_size"]
    heads, groups = raw["num_attention_heads"], raw["num_key_value_heads"]
    layer = {
        "attention.wqkv.weight": ((heads + 2 * groups) * (hidden // heads), hidden),
        "attention.wo.weight": (hidden, hidden),
        "feed_forward.w1.weight": (wide, hidden),
        "feed_forward.w3.weight": (wide, hidden),
        "feed_forward.w2.weight": (hidden, wide),
        "attention_norm.weight": (hidden,),
        "ffn_norm.weight": (hidden,),
    }
    ends = {"model.tok_embeddings.weight": (vocab, hidden), "output.weight": (vocab, hidden)}
    return _of_each("model.layers", raw, layer) | ends | {"model.norm.weight": (hidden,)}


def _of_transformer(raw, layer, ends):
    return _of_each("transformer.h", raw, layer) | {f"transformer.{part}": shape for part, shape in ends.items()}


def _of_each(prefix, raw, layer):
    places = range(raw["num_hidden_layers"])
    return {f"{prefix}.{place}.{part}": shape for place in places for part, shape in layer.items()}
