# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small models with seeded weights, as the files of a repository."""

from __future__ import annotations

import json

import numpy as np

from ansible_collections.inference.fleet.plugins.module_utils.quantize.floats import narrow, round_to
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import Tensor, make_header

HIDDEN, INNER, VOCABULARY = 64, 136, 256
INDEX = "model.safetensors.index.json"


def linear(seed: int, rows: int, columns: int) -> np.ndarray:
    """Weights as training leaves them: rows differ in size."""
    random = np.random.default_rng(seed)
    sizes = np.exp(0.5 * random.standard_normal((rows, 1)))
    return (0.02 * sizes * random.standard_normal((rows, columns))).astype(np.float32)


def weights(layers: int = 1, *, tied: bool = False, experts: int = 0) -> dict[str, np.ndarray]:
    """The tensors of a Llama-shaped model, float32 by name; with experts, of a mixture of them."""
    shapes = {"model.embed_tokens.weight": (VOCABULARY, HIDDEN)}
    for layer in range(layers):
        name = f"model.layers.{layer}"
        shapes[f"{name}.input_layernorm.weight"] = (HIDDEN,)
        for projection, rows in (("q", HIDDEN), ("k", HIDDEN // 2), ("v", HIDDEN // 2), ("o", HIDDEN)):
            shapes[f"{name}.self_attn.{projection}_proj.weight"] = (rows, HIDDEN)
        for part in [f".experts.{expert}" for expert in range(experts)] or [""]:
            shapes[f"{name}.mlp{part}.gate_proj.weight"] = (INNER, HIDDEN)
            shapes[f"{name}.mlp{part}.up_proj.weight"] = (INNER, HIDDEN)
            shapes[f"{name}.mlp{part}.down_proj.weight"] = (HIDDEN, INNER)
        if experts:
            shapes[f"{name}.mlp.gate.weight"] = (experts, HIDDEN)
    if not tied:
        shapes["lm_head.weight"] = (VOCABULARY, HIDDEN)
    made = {}
    for seed, (name, shape) in enumerate(shapes.items()):
        made[name] = linear(seed, *shape) if len(shape) == 2 else np.ones(shape, np.float32)
    return made


def safetensors(tensors: dict[str, np.ndarray], dtype: str = "BF16") -> bytes:
    """A file that holds ``tensors``, rounded to ``dtype``."""
    listed = [Tensor(name, dtype, values.shape) for name, values in tensors.items()]
    contents = []
    for values in tensors.values():
        rounded = values.copy()
        round_to(rounded, dtype, np.empty(rounded.shape, np.uint32))
        contents.append(narrow(rounded, dtype).tobytes())
    return make_header(listed, {"format": "pt"})[0] + b"".join(contents)


def repository(tensors: dict[str, np.ndarray], *, dtype: str = "BF16", shards: int = 1) -> dict[str, bytes]:
    """The files of a model, by path."""
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": HIDDEN}
    files = {"config.json": json.dumps(config).encode(), "tokenizer.json": b"{}"}
    if shards == 1:
        return {**files, "model.safetensors": safetensors(tensors, dtype)}
    names = list(tensors)
    paths = {
        name: f"model-{1 + at * shards // len(names):05}-of-{shards:05}.safetensors" for at, name in enumerate(names)
    }
    for path in dict.fromkeys(paths.values()):
        files[path] = safetensors({name: tensors[name] for name in names if paths[name] == path}, dtype)
    total = sum(values.size * {"BF16": 2, "F16": 2, "F32": 4}[dtype] for values in tensors.values())
    files[INDEX] = json.dumps({"metadata": {"total_size": total}, "weight_map": paths}).encode()
    return files
