# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the tensors of layers that a checkpoint has quantized."""

from __future__ import annotations

from ansible_collections.inference.fleet.plugins.module_utils.safetensors import Tensor


def gptq(tensors, bits, group):
    """Numbers packed into words of 32 bits, and for each group of rows a scale and a zero; a bias in any case."""
    packed = 32 // bits
    found = {}
    for tensor in tensors:
        if ".h." not in tensor.name or len(tensor.shape) == 1:
            found.setdefault(tensor.name, tensor)
            continue
        columns, rows = tensor.shape
        parts = {
            "qweight": ("I32", (rows // packed, columns)),
            "qzeros": ("I32", (rows // group, columns // packed)),
            "scales": ("F16", (rows // group, columns)),
            "g_idx": ("I32", (rows,)),
            "bias": ("F16", (columns,)),
        }
        for part, (dtype, shape) in parts.items():
            name = f"{tensor.name.removesuffix('weight')}{part}"
            found[name] = Tensor(name, dtype, shape)
    return tuple(found.values())
