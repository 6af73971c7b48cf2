# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For what a model was calibrated on Gaudi, and where its instances find the files that this left.

The scales of one device generation are wrong on another, and there is a file of them for each rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .schemes import GAUDI

GENERATIONS = ("g2", "g3")
CACHE_DTYPE = "fp8_inc"  # of the KV cache
FOLDER = "inc"  # in the snapshot, beside the files of its source
CACHE = "/models"  # where the role vllm mounts the Hugging Face cache into containers


@dataclass(frozen=True)
class Calibration:
    """What a service runs it on."""

    generation: str  # one of GENERATIONS
    parallel: int  # tensor parallel size

    def __str__(self) -> str:
        return f"{self.generation} with tensor parallel size {self.parallel}"

    @property
    def suffix(self) -> str:
        """How the store tells it from the same model calibrated for something else."""
        return f"-{self.generation}-tp{self.parallel}"

    def misfit(self, quantization: Mapping[str, Any], commit: str) -> str:
        """How what a manifest's ``quantization`` says differs from this, for the model at ``commit``; empty: not."""
        calibration = quantization.get("calibration", {})
        generation, sizes = calibration.get("device_generation"), calibration.get("tensor_parallel_sizes", [])
        of = quantization.get("source", {}).get("commit")
        if of != commit:
            return f"it was calibrated at commit {of}, and {commit} is to be served"
        if generation != self.generation or self.parallel not in sizes:
            told = " or ".join(str(size) for size in sizes)
            return f"it was calibrated for {generation} with tensor parallel size {told}, and is to be served on {self}"
        return ""


def place(repo_id: str, commit: str) -> str:
    """The folder FOLDER of the quantized model ``repo_id`` inside containers; the files in it name it."""
    return f"{CACHE}/models--{repo_id.replace('/', '--')}/snapshots/{commit}/{FOLDER}"


def model_name(hub_id: str) -> str:
    """What the folder in FOLDER is called: as the repository on the hub, in lower case."""
    return hub_id.rsplit("/", 1)[-1].lower()


def quant_config(repo_id: str, commit: str, generation: str) -> str:
    """The value of `QUANT_CONFIG` with which vLLM serves the quantized model ``repo_id``."""
    name = model_name(repo_id.removesuffix(f"-{GAUDI}"))
    return f"{place(repo_id, commit)}/{name}/maxabs_quant_{generation}.json"
