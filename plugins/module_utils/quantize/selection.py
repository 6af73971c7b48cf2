# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tensors of a checkpoint are quantized: the weights of linear layers, but for those that lose too much by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import FleetError
from ..safetensors import Tensor
from ..tensor_names import EMBEDDING, HEAD, OTHER_EMBEDDING, OTHER_TOWERS, ROUTER
from .floats import BYTES

WEIGHT = ".weight"
HEAD_MODULE = "lm_head"
FUSED_EXPERTS = re.compile(r"experts|moe")  # in the name of a tensor of three dimensions that holds all of a layer
NOT_LINEAR = ("gpt2", "jais")  # kinds of models whose weights are stored the other way round


def is_linear(tensor: Tensor) -> bool:
    """Whether it is the weight of a linear layer."""
    return (
        tensor.name.endswith(WEIGHT)
        and len(tensor.shape) == 2
        and tensor.elements > 0
        and tensor.dtype in BYTES
        and not any(pattern.search(tensor.name) for pattern in (EMBEDDING, OTHER_EMBEDDING))
    )


def is_kept(tensor: Tensor) -> bool:
    """Whether that is better left as it is: the head, routers, and what is no language model."""
    return any(pattern.search(tensor.name) for pattern in (HEAD, ROUTER, OTHER_TOWERS))


def is_quantized(tensor: Tensor) -> bool:
    return is_linear(tensor) and not is_kept(tensor)


def ignored(tensors: Iterable[Tensor]) -> list[str]:
    """The linear layers that stay as they are, as config.json lists them. A head that is tied has no tensor."""
    kept = {tensor.name[: -len(WEIGHT)] for tensor in tensors if is_linear(tensor) and is_kept(tensor)}
    return sorted({HEAD_MODULE, *kept})


def require_unquantized(config: Mapping[str, Any], label: str) -> None:
    """FleetError where somebody has quantized it."""
    done = config.get("quantization_config")
    if done:
        cause = f"it is quantized already ({done.get('quant_method') or 'some method'})"
        raise FleetError(f"Failed to quantize {label}", cause, "Leave out quantization: serve it as it is.")


def require_quantizable(config: dict[str, Any], tensors: Iterable[Tensor], label: str) -> None:
    """FleetError where there is nothing to quantize, or not by us."""
    require_unquantized(config, label)
    attempted = f"Failed to quantize {label}"
    tensors = list(tensors)
    fused = next((t for t in tensors if len(t.shape) == 3 and FUSED_EXPERTS.search(t.name)), None)
    if fused:
        cause = f"{fused.name} holds all experts of a layer in one tensor, which fp8_dynamic does not take apart"
        raise FleetError(attempted, cause, "Choose a revision with a tensor for each expert, or a quantized one.")
    if config.get("model_type") in NOT_LINEAR or not any(is_quantized(tensor) for tensor in tensors):
        raise FleetError(attempted, "it has no linear layers as a transformer's", "Leave out quantization.")
