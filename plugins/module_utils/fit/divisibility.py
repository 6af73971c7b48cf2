# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Among how many devices a model can be divided, by vLLM's own rules."""

from __future__ import annotations

import math
from dataclasses import replace

from .flags import Flags
from .layers import State
from .model_config import ModelConfig
from .weights import ROUND


def why_not(model: ModelConfig, flags: Flags) -> str:
    """Why vLLM would refuse to divide the model so; empty where it would not."""
    parallel, pipeline = flags.tensor_parallel_size, flags.pipeline_parallel_size
    if model.heads % parallel:
        return f"its {model.heads} attention heads cannot be divided among {parallel} devices"
    many, few = max(parallel, model.kv_heads), min(parallel, model.kv_heads)
    if few and many % few:
        return f"its {model.kv_heads} key-value heads and {parallel} devices do not divide one another"
    if math.ceil(model.vocab_size / ROUND) * ROUND % parallel:
        return f"its vocabulary of {model.vocab_size} cannot be divided among {parallel} devices"
    size = model.expert_size if model.experts else model.intermediate_size
    if size % parallel:
        return f"its intermediate size of {size} cannot be divided among {parallel} devices"
    if model.weight_block and size // parallel % model.weight_block:
        block = f"the blocks of {model.weight_block} in which it is quantized"
        return f"{block} do not divide the part of {size // parallel} that each of {parallel} devices would have"
    states = (kept for layer in model.layers for kept in layer if isinstance(kept, State))
    if any(kept.groups % parallel and kept.groups != 1 for kept in states):
        return f"the groups of its Mamba layers cannot be divided among {parallel} devices"
    if pipeline > max(1, len(model.layers)):
        return f"its {len(model.layers)} layers cannot be divided among {pipeline} stages"
    return ""


def sizes(model: ModelConfig, flags: Flags, most: int) -> list[int]:
    """The sizes of tensor parallelism up to ``most`` that vLLM would accept."""
    return [size for size in range(1, most + 1) if not why_not(model, replace(flags, tensor_parallel_size=size))]
