# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint of Llama 3 8B's shape with fewer layers. Run as a process of its own: FOLDER LAYERS."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ansible_collections.inference.fleet.plugins.module_utils.quantize.floats import narrow, round_to
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import Tensor, make_header

HIDDEN, INNER, HEADS, KV_HEADS, VOCABULARY = 4096, 14336, 32, 8, 32000
SHARD = 10**9  # bytes of a file at most
BLOCK = 16 * 1024 * 1024  # weights; the same over and over, which costs all the same
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "bfloat16",
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KV_HEADS,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": False,
}


def tensors(layers: int) -> Iterator[Tensor]:
    kv = HIDDEN // HEADS * KV_HEADS
    yield Tensor("model.embed_tokens.weight", "BF16", (VOCABULARY, HIDDEN))
    for layer in range(layers):
        name = f"model.layers.{layer}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield Tensor(f"{name}.{norm}.weight", "BF16", (HIDDEN,))
        for projection, rows in (("q", HIDDEN), ("k", kv), ("v", kv), ("o", HIDDEN)):
            yield Tensor(f"{name}.self_attn.{projection}_proj.weight", "BF16", (rows, HIDDEN))
        for projection in ("gate", "up"):
            yield Tensor(f"{name}.mlp.{projection}_proj.weight", "BF16", (INNER, HIDDEN))
        yield Tensor(f"{name}.mlp.down_proj.weight", "BF16", (HIDDEN, INNER))
    yield Tensor("model.norm.weight", "BF16", (HIDDEN,))
    yield Tensor("lm_head.weight", "BF16", (VOCABULARY, HIDDEN))


def shards(layers: int) -> list[list[Tensor]]:
    found: list[list[Tensor]] = [[]]
    for tensor in tensors(layers):
        if sum(each.size for each in found[-1]) + tensor.size > SHARD:
            found.append([])
        found[-1].append(tensor)
    return found


def block() -> bytes:
    weights = 0.02 * np.random.default_rng(1).standard_normal(BLOCK, dtype=np.float32)
    round_to(weights, "BF16", np.empty(BLOCK, np.uint32))
    return narrow(weights, "BF16").tobytes()


def make(folder: Path, layers: int) -> None:
    content = block()
    files = shards(layers)
    places = {}
    for number, listed in enumerate(files, start=1):
        path = folder / f"model-{number:05}-of-{len(files):05}.safetensors"
        header, placed = make_header(listed, {"format": "pt"})
        places.update(dict.fromkeys((tensor.name for tensor in listed), path.name))
        with path.open("wb") as file:
            file.write(header)
            for tensor in placed:
                for start in range(0, tensor.size, len(content)):
                    file.write(content[: tensor.size - start])
    size = sum(tensor.size for tensor in tensors(layers))
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({**CONFIG, "num_hidden_layers": layers}), encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
