# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the weights take on each device: which tensors the devices divide, and which each of them has whole."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from ..safetensors import Tensor
from ..tensor_names import EMBEDDING, HEAD, OTHER_TOWERS, ROUTER
from .alike import Alike
from .flags import Flags, element_bytes
from .kv_cache import stages
from .model_config import ModelConfig

FLOATS = ("F32", "F16", "BF16")
AHEAD = re.compile(r"(?:^|\.)mtp(?:_layers)?\.")  # predicts further tokens; loaded only where it is asked for
KEYS_AND_VALUES = re.compile(r"\.(?:k_proj|v_proj)\.")
FUSED = re.compile(r"\.(?:qkv_proj|query_key_value|c_attn|wqkv)\.")
# Tensors of a layer that devices divide. All others (norms, routers, the compressing half of MLA) each has whole.
DIVIDED = re.compile(
    r"\.(?:q_proj|o_proj|gate_proj|up_proj|down_proj|gate_up_proj|q_b_proj|kv_b_proj|w[123o]|in_proj\w*|out_proj|conv1d|"
    r"x_proj|dt_proj|A_log|D|dt_bias|sinks|dense\w*|c_proj|c_fc|fc[12]|shared_expert|experts|input_linear|"
    r"output_linear)(?:\.|$|_)"
)
# Biases of layers whose results the devices add up: only one adds its bias, but each has it.
ADDED_ONCE = r"\.(?:o_proj|out_proj|down_proj|dense|dense_4h_to_h|c_proj|fc2|w2|wo)[._]bias$"
WHOLE = re.compile(rf"{ROUTER.pattern}|norm|e_score_correction_bias|{ADDED_ONCE}")
LINEAR = re.compile(  # what fp8 shrinks
    r"_proj(?:_\w+)?\.weight$|experts\.\S+_proj$|"
    r"\.(?:w[123o]|wqkv|c_attn|c_fc|query_key_value|dense\w*|input_linear|output_linear)\.weight$"
)
LATENT = re.compile(r"\.kv_b_proj\.weight$")
LOADED_AS_FP8 = ("fp8", "inc")  # the flag's values with which vLLM shrinks them as it loads them
ROUND = 64  # rows that vLLM rounds a vocabulary up to, on each device


def weight_bytes(kinds: Iterable[Alike], model: ModelConfig, flags: Flags) -> list[int]:
    """Bytes on a device of each pipeline stage."""
    bounds = stages(len(model.layers), flags.pipeline_parallel_size)
    totals = [0] * len(bounds)
    for kind in kinds:
        if AHEAD.search(kind.tensor.name):
            continue
        size = _on_device(kind.tensor, model, flags)
        tower = bool(OTHER_TOWERS.search(kind.tensor.name))
        for layer, count in kind.counts.items():
            for stage in _stages_with(kind.tensor, None if tower else layer, model, bounds):
                totals[stage] += size * count
    return totals


def _stages_with(tensor: Tensor, layer: int | None, model: ModelConfig, bounds: Sequence[tuple[int, int]]) -> set[int]:
    """The stages that have the tensor; layers beyond the model's are not loaded."""
    if layer is not None:
        return {stage for stage, (first, last) in enumerate(bounds) if first <= layer < last}
    if OTHER_TOWERS.search(tensor.name):
        return {0}
    if EMBEDDING.search(tensor.name):
        return {0, len(bounds) - 1} if model.tied else {0}
    return set() if HEAD.search(tensor.name) and model.tied else {len(bounds) - 1}


def _on_device(tensor: Tensor, model: ModelConfig, flags: Flags) -> int:
    parallel = flags.tensor_parallel_size
    size = _loaded(tensor, model, flags)
    if OTHER_TOWERS.search(tensor.name):
        return size
    if (EMBEDDING.search(tensor.name) or HEAD.search(tensor.name)) and len(tensor.shape) > 1 and tensor.shape[0]:
        rows = tensor.shape[0]
        padded = math.ceil(rows / ROUND) * ROUND
        return size // rows * math.ceil(padded / parallel)
    if parallel == 1:
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
    if flags.quantization in LOADED_AS_FP8 and not model.quantization and LINEAR.search(tensor.name):
        size = tensor.elements
    if LATENT.search(tensor.name):
        size += tensor.elements * element  # kept a second time, in the two parts that decoding takes
    return size
