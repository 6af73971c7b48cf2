# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``config.json`` of a model, as far as it decides how much memory the model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import FleetError
from .layer_kinds import layers_of
from .layers import Layer
from .text_config import Text, text_config

# The names of `max_position_embeddings` that vLLM knows; the smallest of those present counts.
LONGEST = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length", "seq_len")
UNTOLD = 2048  # what vLLM assumes where none of them is there
EXPERTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts")
PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk", "moe_top_k")
# Types of RoPE whose factor max_position_embeddings has in it already.
SCALED = ("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling", "default")


@dataclass(frozen=True)
class ModelConfig:
    """Sizes in elements, before anything is divided among devices."""

    architecture: str
    hidden_size: int
    intermediate_size: int
    vocab_size: int
    heads: int
    kv_heads: int
    layers: tuple[Layer, ...]
    experts: int
    experts_per_token: int
    expert_size: int  # the intermediate size of one expert
    longest: int  # context that it was made for
    max_model_len: int  # context that vLLM gives it where it is not told
    dtype: str
    quantization: str  # of the checkpoint; empty where there is none
    weight_block: int  # columns that share a scale, where a checkpoint is quantized in blocks; else 0
    kv_cache_dtype: str  # that the checkpoint asks for; empty where it does not
    tied: bool  # whether the output head is the embedding


def read_config(raw: Any, label: str) -> ModelConfig:
    """The configuration in the decoded ``config.json`` of the model ``label``."""
    attempted = f"Failed to read config.json of {label}"
    try:
        text = text_config(raw)
        return _read(raw, text, label)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        missing = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise FleetError(attempted, missing, "Is this the configuration of a language model?") from error


def _read(raw: Mapping[str, Any], text: Text, label: str) -> ModelConfig:
    quantized = _quantization(raw)
    longest, usual = _longest(text)
    intermediate = int(text.get("intermediate_size") or text.get("ffn_hidden_size") or 0)
    return ModelConfig(
        architecture=str((raw.get("architectures") or [text.model_type])[0]),
        hidden_size=int(text["hidden_size"]),
        intermediate_size=intermediate,
        vocab_size=int(text["vocab_size"]),
        heads=text.heads,
        kv_heads=text.kv_heads,
        layers=layers_of(text, label),
        experts=int(text.first(EXPERTS) or 0),
        experts_per_token=int(text.first(PER_TOKEN) or 0),
        expert_size=int(text.get("moe_intermediate_size") or intermediate),
        longest=longest,
        max_model_len=usual,
        dtype=str(text.get("dtype") or text.get("torch_dtype") or raw.get("torch_dtype") or raw.get("dtype") or ""),
        quantization=str(quantized.get("quant_method", "")).replace("_", "-"),
        weight_block=int((quantized.get("weight_block_size") or [0])[0]),
        kv_cache_dtype="fp8" if quantized.get("kv_cache_scheme") else "",
        tied=bool(text.get("tie_word_embeddings", raw.get("tie_word_embeddings", False))),
    )


def _quantization(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    nested = raw.get("text_config") or {}
    found = raw.get("quantization_config") or raw.get("compression_config") or nested.get("quantization_config") or {}
    return dict(found)


def _longest(text: Text) -> tuple[int, int]:
    """The longest context that the model was made for, as vLLM derives it, and the one that it takes by itself."""
    known = [int(text[name]) for name in LONGEST if text.get(name)]
    longest = min(known) if known else UNTOLD
    scaling = text.get("rope_scaling") or text.get("rope_parameters") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind not in SCALED and "gemma3" not in text.model_type:
        longest = int(longest * float(scaling.get("factor") or 1))
    if kind == "longrope":
        return longest, int(text.get("original_max_position_embeddings", longest))
    return longest, longest
