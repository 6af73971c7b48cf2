# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tensors of a model as they follow from its configuration: what a repository's safetensors headers say."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ansible_collections.inference.fleet.plugins.module_utils.fit.model_config import read_config
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import Tensor

from .families import like_llama
from .hybrids import qwen3_5
from .own_names import falcon, internlm2, qwen
from .quantized import gptq
from .towers import SEEING

HERE = Path(__file__).parent
NUMBERS = re.compile(r"\{([\d,-]+)\}")
FAMILIES = {"falcon": falcon, "internlm2": internlm2, "qwen": qwen, "qwen3_5_moe_text": qwen3_5}
DTYPES = {"float32": "F32", "float16": "F16"}


def raw_config(name):
    """``config.json`` of one of the models/ or shapes/."""
    return json.loads((HERE / name / "config.json").read_text(encoding="utf-8"))


def index_of(name):
    """``total_size`` and names of the tensors as a repository's index has them; see models/README.md."""
    index = json.loads((HERE / name / "index.json").read_text(encoding="utf-8"))
    return index["total_size"], {name for pattern in index["names"] for name in _names(pattern)}


def _names(pattern):
    """What ``a.{0-1,3}.b`` stands for: a.0.b, a.1.b and a.3.b."""
    found = NUMBERS.search(pattern)
    if not found:
        return [pattern]
    runs = [run.split("-") for run in found[1].split(",")]
    places = [place for run in runs for place in range(int(run[0]), int(run[-1]) + 1)]
    ends = _names(pattern[found.end() :])
    return [f"{pattern[: found.start()]}{place}{end}" for place in places for end in ends]


def config_of(name):
    return read_config(raw_config(name), name)


def tensors_of(name):
    """All tensors of a model of a family whose shapes the modules beside this one know."""
    raw = raw_config(name)
    text = raw.get("text_config", raw)
    found = FAMILIES.get(text["model_type"], like_llama)({**raw, **text})
    if raw["model_type"] in SEEING:
        found = SEEING[raw["model_type"]](raw, found)
    dtype = DTYPES.get(raw.get("torch_dtype", ""), "BF16")
    tensors = tuple(
        Tensor(part, "U8" if part.endswith(("_blocks", "_scales")) else dtype, shape) for part, shape in found.items()
    )
    quantized = raw.get("quantization_config", {})
    if quantized.get("quant_method") == "gptq":
        return gptq(tensors, quantized["bits"], quantized["group_size"])
    return tensors
