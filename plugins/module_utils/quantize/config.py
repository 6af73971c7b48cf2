# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What config.json and the index say of a quantized model, for vLLM and transformers to load it.

Source of the form: compressed-tensors, QuantizationConfig.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..artifacts.layout import ReadFile, RemoteFile
from ..errors import FleetError
from ..safetensors import Tensor

CONFIG = "config.json"
FORMAT = "float-quantized"
FORMAT_VERSION = "0.19.0"  # of compressed-tensors, whose files ours are equal to


def read_json(path: str, files: Iterable[RemoteFile], read: ReadFile, label: str) -> dict[str, Any]:
    """The object in the file ``path`` among ``files`` of the model ``label``."""
    file = next((file for file in files if file.path == path), None)
    if file is None:
        step = "Is it a model in the form of Hugging Face's transformers?"
        raise FleetError(f"Failed to quantize {label}", f"it has no {path}", step)
    content = bytearray(file.size)
    read(file, 0, memoryview(content))
    try:
        return dict(json.loads(content))
    except (TypeError, ValueError) as error:
        raise FleetError(f"Failed to read {path} of {label}", str(error), "Is the file whole?") from error


def config_content(config: Mapping[str, Any], ignored: Sequence[str]) -> bytes:
    """config.json with weights in FP8 per channel and activations in FP8 per token, their scales found as it runs."""
    shared = {"num_bits": 8, "type": "float", "symmetric": True, "group_size": None}
    group = {
        "targets": ["Linear"],
        "weights": {**shared, "strategy": "channel", "dynamic": False},
        "input_activations": {**shared, "strategy": "token", "dynamic": True},
        "output_activations": None,
        "format": FORMAT,
    }
    quantization = {
        "quant_method": "compressed-tensors",
        "quantization_status": "compressed",
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "config_groups": {"group_0": group},
        "ignore": list(ignored),
        "kv_cache_scheme": None,
        "global_compression_ratio": None,
    }
    return _dumps({**config, "quantization_config": quantization})


def index_content(index: Mapping[str, Any], holding: Mapping[str, Iterable[Tensor]]) -> bytes:
    """The index of the files that hold these tensors, by their paths."""
    tensors = {tensor.name: (path, tensor.size) for path, inside in holding.items() for tensor in inside}
    metadata = {**(index.get("metadata") or {}), "total_size": sum(size for _path, size in tensors.values())}
    return _dumps({"metadata": metadata, "weight_map": {name: tensors[name][0] for name in sorted(tensors)}})


def _dumps(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
