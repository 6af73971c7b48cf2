# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the weights take on each device: which tensors the devices divide, and which each of them has whole."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from .flags import Flags, element_bytes
from .kv_cache import stages
from .model_config import ModelConfig
from .tensors import FLOATS, Tensor

LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
OTHER_TOWERS = re.compile(r"(?:^|\.)(?:vision_\w+|visual|vision|audio_\w+|multi_modal_projector|mm_projector)\.")
EMBEDDING = re.compile(r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|embeddings)\.")
HEAD = re.compile(r"(?:^|\.)(?:lm_head|output)\.")
AHEAD = re.compile(r"(?:^|\.)mtp\.")  # predicts further tokens; loaded only where it is asked for
KEYS_AND_VALUES = re.compile(r"\.(?:k_proj|v_proj)\.")
FUSED = re.compile(r"\.(?:qkv_proj|query_key_value|c_attn)\.")
# Tensors of a layer that devices divide. All others (norms, routers, the compressing half of MLA) each has whole.
DIVIDED = re.compile(
    r"\.(?:q_proj|o_proj|gate_proj|up_proj|down_proj|gate_up_proj|q_b_proj|kv_b_proj|w[123]|in_proj\w*|out_proj|conv1d|"
    r"x_proj|dt_proj|A_log|D|dt_bias|sinks|dense\w*|c_proj|c_fc|fc[12]|shared_expert|experts)(?:\.|$|_)"
)
WHOLE = re.compile(r"\.(?:router|shared_expert_gate|gate)\.|norm|e_score_correction_bias")
LINEAR = re.compile(r"_proj(?:_\w+)?\.weight$|\.w[123]\.weight$|experts\.\S+_proj$")  # what fp8 shrinks
LATENT = re.compile(r"\.kv_b_proj\.weight$")
ROUND = 64  # rows that vLLM rounds a vocabulary up to, on each device


def weight_bytes(tensors: Iterable[Tensor], model: ModelConfig, flags: Flags) -> list[int]:
    """Bytes on a device of each pipeline stage."""
    bounds = stages(len(model.layers), flags.pipeline_parallel_size)
    totals = [0] * len(bounds)
    tensors = [tensor for tensor in tensors if not AHEAD.search(tensor.name)]
    for tensor in tensors:
        size = _on_device(tensor, model, flags)
        for stage in _stages_with(tensor, model, bounds):
            totals[stage] += size
    return totals


def _stages_with(tensor: Tensor, model: ModelConfig, bounds: Sequence[tuple[int, int]]) -> set[int]:
    """The stages that have the tensor; layers beyond the model's are not loaded."""
    layer = None if OTHER_TOWERS.search(tensor.name) else LAYER.search(tensor.name)
    if layer:
        return {stage for stage, (first, last) in enumerate(bounds) if first <= int(layer[1]) < last}
    if EMBEDDING.search(tensor.name):
        return {0, len(bounds) - 1} if model.tied else {0}
    if HEAD.search(tensor.name) and model.tied:
        return set()
    return {0} if OTHER_TOWERS.search(tensor.name) else {len(bounds) - 1}


def _on_device(tensor: Tensor, model: ModelConfig, flags: Flags) -> int:
    parallel = flags.tensor_parallel_size
    size = _loaded(tensor, model, flags)
    if (EMBEDDING.search(tensor.name) or HEAD.search(tensor.name)) and len(tensor.shape) > 1 and tensor.shape[0]:
        rows = tensor.shape[0]
        padded = math.ceil(rows / ROUND) * ROUND
        return size // rows * math.ceil(padded / parallel)
    if parallel == 1 or OTHER_TOWERS.search(tensor.name):
        return size
    if KEYS_AND_VALUES.search(tensor.name) and model.kv_heads:
        return size // min(parallel, model.kv_heads)
    if FUSED.search(tensor.name) and model.kv_heads:
        heads = model.heads // parallel + 2 * max(1, model.kv_heads // parallel)
        return size * heads // (model.heads + 2 * model.kv_heads)
    if DIVIDED.search(tensor.name) and not WHOLE.search(tensor.name):
        return math.ceil(size / parallel)
    return size


def _loaded(tensor: Tensor, model: ModelConfig, flags: Flags) -> int:
    """Bytes of the whole tensor once it is loaded: unquantized numbers are cast to what the model computes with."""
    element = element_bytes(model, flags)
    size = tensor.elements * element if tensor.dtype in FLOATS and not model.quantization else tensor.size
    if flags.quantization == "fp8" and not model.quantization and LINEAR.search(tensor.name):
        size = tensor.elements
    if LATENT.search(tensor.name):
        size += tensor.elements * element  # kept a second time, in the two parts that decoding takes
    return size
