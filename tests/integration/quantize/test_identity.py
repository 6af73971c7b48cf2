# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fp8_dynamic is what llm-compressor makes, byte for byte, of models of every shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.safetensors import read_header
from tests.quantize_folder import quantize_folder

from .models import MODELS

# What oneshot calls the experts of Mixtral, in memory and in what it writes; vLLM wants them as the source has them.
RENAMED = {"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3"}
MINUS_ZERO = 0x80  # in E4M3


@pytest.fixture(params=MODELS)
def model(request, references, tmp_path):
    """The folder of a model, and of what we make of it."""
    target = tmp_path / "ours"
    quantize_folder(references / request.param / "source", target)
    return references / request.param, target


def tensors(folder: Path) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    """Type, shape and content of all tensors of all files."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        content = path.read_bytes()

        def read(start: int, view: memoryview, content: bytes = content) -> None:
            view[:] = content[start : start + len(view)]

        for tensor in read_header(read, len(content)).tensors:
            assert tensor.name not in found
            found[tensor.name] = (tensor.dtype, tensor.shape, content[tensor.start : tensor.start + tensor.size])
    return found


def as_vllm_reads(folder: Path) -> dict[str, Any]:
    """The quantization_config, without what says how it was made and what says nothing."""
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    config["config_groups"] = list(config["config_groups"].values())
    del config["ignore"]
    return told(config)


def told(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: told(item) for key, item in value.items() if key not in ("observer", "observer_kwargs")}
        return {key: item for key, item in kept.items() if item not in (None, {})}
    return [told(item) for item in value] if isinstance(value, list) else value


def ignored(folder: Path, names: list[str]) -> set[str]:
    """Those of the linear layers that the config says are not quantized, as compressed-tensors matches them."""
    patterns = json.loads((folder / "config.json").read_text())["quantization_config"]["ignore"]
    exact = {pattern for pattern in patterns if not pattern.startswith("re:")}
    expressions = [pattern[3:] for pattern in patterns if pattern.startswith("re:")]
    return {name for name in names if name in exact or any(re.match(each, name) for each in expressions)}


def test_every_byte_is_what_model_free_ptq_writes(model):
    theirs, ours = model
    assert tensors(ours) == tensors(theirs / "model_free")


def test_every_byte_is_what_oneshot_writes(model):
    theirs, ours = model
    expected = tensors(theirs / "oneshot")
    if theirs.name == "mixtral":
        pattern = re.compile(r"(?<=\d\.)(gate|down|up)_proj(?=\.)")
        expected = {pattern.sub(lambda found: RENAMED[found[0]], name): tensor for name, tensor in expected.items()}
    source = tensors(theirs / "source")
    for name, (dtype, shape, content) in expected.items():
        if dtype == "F8_E4M3":
            expected[name] = (dtype, shape, with_signs(content, source[name]))
    assert tensors(ours) == expected


def with_signs(codes: bytes, weights: tuple[str, tuple[int, ...], bytes]) -> bytes:
    """The codes, with the sign of weights that are -0, which oneshot drops and model_free_ptq keeps."""
    dtype, _shape, content = weights
    bits = np.frombuffer(content, "<u4" if dtype == "F32" else "<u2")
    negative = bits == 1 << (8 * bits.itemsize - 1)
    made = np.frombuffer(codes, np.uint8).copy()
    assert not made[negative].any()
    made[negative] = MINUS_ZERO
    return made.tobytes()


@pytest.mark.parametrize("way", ["oneshot", "model_free"])
def test_vllm_reads_the_same_config(model, way):
    theirs, ours = model
    assert as_vllm_reads(ours) == as_vllm_reads(theirs / way)
    rest = [json.loads((folder / "config.json").read_text()) for folder in (ours, theirs / way)]
    for config in rest:
        del config["quantization_config"]
    assert rest[0] == rest[1]


@pytest.mark.parametrize("way", ["oneshot", "model_free"])
def test_the_same_layers_are_ignored(model, way):
    theirs, ours = model
    weights = [name for name, (_dtype, shape, _content) in tensors(theirs / "source").items() if len(shape) == 2]
    # Every head is lm_head in memory, and oneshot's config calls it that.
    layers = ["lm_head", *(name[: -len(".weight")] for name in weights if "embed_" not in name)]
    assert ignored(ours, layers) == ignored(theirs / way, layers)


def test_the_files_are_those_of_the_source(model):
    theirs, ours = model
    assert {path.name for path in ours.iterdir()} == {path.name for path in (theirs / "source").iterdir()}
    index = ours / "model.safetensors.index.json"
    if index.exists():
        assert json.loads(index.read_text())["weight_map"] == {
            name: path.name for path in ours.glob("*.safetensors") for name in names_in(path)
        }


def names_in(path: Path) -> list[str]:
    with path.open("rb") as file:

        def read(start: int, view: memoryview) -> None:
            file.seek(start)
            file.readinto(view)

        return [tensor.name for tensor in read_header(read, path.stat().st_size).tensors]
