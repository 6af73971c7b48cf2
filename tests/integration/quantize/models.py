# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small models that are quantized, by name: the class in transformers, and its configuration beside SHAPE."""

from __future__ import annotations

SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 344,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
    "max_position_embeddings": 256,
}
SPOKEN = "llama-spoken"  # comes with a tokenizer
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 96, "num_experts": 4}
MODELS = {
    "llama-tied": ("Llama", {"tie_word_embeddings": True}),
    "llama-untied": ("Llama", {}),
    "llama-biased": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "llama-float16": ("Llama", {}),
    "llama-float32": ("Llama", {}),
    "llama-sharded": ("Llama", {}),
    "llama-extreme": ("Llama", {}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {"head_dim": 32}),
    "qwen2-moe": ("Qwen2Moe", {**EXPERTS, "shared_expert_intermediate_size": 96}),
    "qwen3-moe-sharded": ("Qwen3Moe", {**EXPERTS, "head_dim": 32}),
    "mixtral": ("Mixtral", {"num_experts_per_tok": 2, "num_local_experts": 4}),
    "gpt-neox": ("GPTNeoX", {}),  # its embedding is embed_in, its head embed_out
    SPOKEN: ("Llama", {"hidden_size": 256, "intermediate_size": 384}),
}
