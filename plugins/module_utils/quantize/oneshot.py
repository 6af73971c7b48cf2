# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in llm-compressor's container: one request on standard input, one answer on standard output, both JSON.

It imports nothing of the collection, for its source is all that the container is given. The request has ``source`` and
``target`` (folders), ``scheme``, ``ignored`` (names of layers), ``samples`` (each with `text` or `messages`) and
``length`` (tokens of a sample at most). The answer has ``versions`` by tool, or ``cause`` and ``next_step``. What the
libraries have to say goes to standard error.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

TOOLS = ("llmcompressor", "compressed-tensors", "torch", "transformers")
KV_CACHE = {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": False, "symmetric": True}
PRESETS = {"fp8_static": "FP8", "fp8_block": "FP8_BLOCK", "fp8_kv": "FP8_DYNAMIC", "int8_w8a8": "INT8"}
GROUPS = (128, 64, 32)  # columns that share a scale, the best for speed first
BLOCK = 128  # rows and columns that share a scale
WEIGHTS = ".safetensors"
INDEX = "model.safetensors.index.json"
NOT_COPIED = (WEIGHTS, ".bin", ".pt", ".pth", ".gguf", ".index.json")
EXPERTS = ".experts."  # in the names of their tensors
HEAD = "lm_head.weight"
BUFFERS = ("rotary_emb.inv_freq",)  # of old checkpoints, that no library reads any more


class RefusedError(Exception):
    """What the operator can act on."""

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(cause)
        self.answer = {"cause": cause, "next_step": next_step}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed
    request = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"versions": quantize(request)}
    except RefusedError as refused:
        answer = refused.answer
    except Exception as error:  # whatever a library raises: it is the cause
        words = str(error).strip().splitlines() or [""]
        answer = {"cause": f"{type(error).__name__}: {words[0]}", "next_step": ""}
    json.dump(answer, answers)
    answers.flush()


def quantize(request: dict[str, Any]) -> dict[str, str]:
    """Write the model to the target; the versions of the tools."""
    from importlib.metadata import version

    source, target = Path(request["source"]), Path(request["target"])
    # What may be refused at once comes before what takes long: the libraries, and the model.
    require_known(source)
    data = {}
    if request["samples"]:
        batches = tokenized(source, request["samples"], request["length"])
        data = {"dataset": batches, "num_calibration_samples": len(batches)}

    from llmcompressor import oneshot

    model = load(source)
    oneshot(model=model, recipe=recipe_of(request["scheme"], request["ignored"], model), **data)
    model.save_pretrained(str(target), save_compressed=True)
    copy_others(source, target)
    require_names(needed(source), names_in(target))
    return {tool: version(tool) for tool in TOOLS}


def require_known(source: Path) -> None:
    """That transformers has a class for the model."""
    from transformers import CONFIG_MAPPING, __version__

    kind = json.loads((source / "config.json").read_text(encoding="utf-8")).get("model_type")
    if kind not in CONFIG_MAPPING:
        cause = f"transformers {__version__}, which llm-compressor uses, knows no models of type {kind!r}"
        raise RefusedError(
            cause, "Use fp8_dynamic, which need not know the model, or an image with a newer transformers."
        )


def load(source: Path) -> Any:
    """The model, in the type that its weights have, with a linear layer for each matrix of each expert."""
    from llmcompressor.modeling.moe.linearize import linearize_moe
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(source), dtype="auto", local_files_only=True)
    linearize_moe(model)
    require_names({name for name in names_in(source) if EXPERTS in name}, set(model.state_dict()))
    return model


def recipe_of(scheme: str, ignored: list[str], model: Any) -> Any:
    from llmcompressor.modifiers.quantization import GPTQModifier, QuantizationModifier

    layers = linear_layers(model, ignored)
    if scheme == "w4a16":
        shared = {"strategy": "group", "group_size": group_size(layers)}
        weights = {"num_bits": 4, "type": "int", "symmetric": True, **shared}
        groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
        return GPTQModifier(config_groups=groups, ignore=ignored)
    if scheme == "fp8_block":
        require_blocks(layers)
    cache = {"kv_cache_scheme": KV_CACHE} if scheme == "fp8_kv" else {}
    return QuantizationModifier(targets="Linear", scheme=PRESETS[scheme], ignore=ignored, **cache)


def group_size(layers: dict[str, Any]) -> int:
    """The best that divides the columns of all of the layers."""
    for size in GROUPS:
        if not any(layer.in_features % size for layer in layers.values()):
            return size
    name, layer = next(item for item in layers.items() if item[1].in_features % GROUPS[-1])
    cause = f"the {layer.in_features} columns of {name} cannot be divided into groups of {GROUPS[-1]}"
    raise RefusedError(cause, "Use int8_w8a8.")


def require_blocks(layers: dict[str, Any]) -> None:
    """The library rounds up, and vLLM joins layers, so that the blocks of the second would not begin where it does."""
    for name, layer in layers.items():
        if layer.out_features % BLOCK or layer.in_features % BLOCK:
            cause = (
                f"{name}, of {layer.out_features} rows and {layer.in_features} columns, cannot be divided into blocks"
            )
            raise RefusedError(f"{cause} of {BLOCK} of each, as vLLM needs it", "Use fp8_dynamic.")


def linear_layers(model: Any, ignored: list[str]) -> dict[str, Any]:
    """Those that are quantized, by name."""
    from torch.nn import Linear

    return {name: layer for name, layer in model.named_modules() if isinstance(layer, Linear) and name not in ignored}


def tokenized(source: Path, samples: list[dict[str, Any]], length: int) -> Any:
    """A loader of the samples, one at a time."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(source), local_files_only=True)
    except (OSError, ValueError, ImportError) as error:
        cause = f"the model's tokenizer cannot be read ({str(error).strip().splitlines()[0]})"
        raise RefusedError(
            cause, "This scheme is calibrated with text: add the tokenizer's files, or use fp8_dynamic."
        ) from error
    if any("messages" in sample for sample in samples) and not tokenizer.chat_template:
        cause = "the calibration data has messages, but the model has no chat template to make a prompt of them"
        raise RefusedError(cause, "Give it the column text instead.")
    encoded = []
    for sample in samples:
        chat = "messages" in sample
        text = tokenizer.apply_chat_template(sample["messages"], tokenize=False) if chat else sample["text"]
        tokens = tokenizer(text, truncation=True, max_length=length, add_special_tokens=not chat)
        encoded.append({key: tokens[key] for key in ("input_ids", "attention_mask")})

    import torch
    from torch.utils.data import DataLoader

    return DataLoader(
        [each for each in encoded if each["input_ids"]],
        collate_fn=lambda batch: {key: torch.tensor([each[key] for each in batch]) for key in batch[0]},
    )


def copy_others(source: Path, target: Path) -> None:
    """What the library does not write: the tokenizer, the chat template, the licence."""
    for path in source.iterdir():
        if path.is_file() and not path.name.endswith(NOT_COPIED) and not (target / path.name).exists():
            shutil.copyfile(path, target / path.name)


def require_names(wanted: set[str], made: set[str]) -> None:
    """Some models' tensors get the names that they have in memory; vLLM looks for those of the source."""
    for name in sorted(wanted):
        if name not in made and f"{name}_packed" not in made:
            cause = f"llm-compressor renames or splits {name}, so that vLLM would not find it in the result"
            raise RefusedError(cause, "Use fp8_dynamic, which keeps the names of all tensors.")


def needed(folder: Path) -> set[str]:
    """Names of the tensors that a copy of the model must have."""
    tied = is_tied(folder)
    return {name for name in names_in(folder) if is_needed(name, tied)}


def is_tied(folder: Path) -> bool:
    """Whether the head is the embedding."""
    return bool(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("tie_word_embeddings"))


def is_needed(name: str, tied: bool) -> bool:
    return not name.endswith(BUFFERS) and not (tied and name == HEAD)


def names_in(folder: Path) -> set[str]:
    from safetensors import safe_open

    names: set[str] = set()
    for path in weights_in(folder):
        with safe_open(path, framework="numpy") as file:
            names.update(file.keys())
    return names


def weights_in(folder: Path) -> set[Path]:
    """The files with the model's weights; beside those that an index names, others have the same once more."""
    index = folder / INDEX
    if index.exists():
        return {folder / name for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
    return set(folder.glob(f"*{WEIGHTS}"))


if __name__ == "__main__":
    main()
