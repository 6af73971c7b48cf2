# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a quantized model finds a text as probable as its source does, both run by vLLM."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..causes.why import why_refused
from ..errors import FleetError
from . import score
from .calibration_text import HELD_OUT
from .container import Program, ask
from .proof import STEP

LENGTH = 256  # tokens
ENVIRONMENT = ("HF_HUB_OFFLINE=1", "VLLM_NO_USAGE_STATS=1", "VLLM_CPU_KVCACHE_SPACE=1", "HOME=/tmp")
# Most that the mean negative log-likelihood of a token may change by, in nats. What is lossless on large models
# (arXiv 2411.02355) costs a small one something: SmolLM2-135M loses 0.009 to 0.03 by FP8, depending on the text, and 13
# where each row has the scale of its neighbour.
LIMITS = {
    "fp8_dynamic": 0.05,
    "fp8_static": 0.05,
    "fp8_block": 0.05,
    "fp8_kv": 0.05,
    "int8_w8a8": 0.05,
    "w4a16": 0.3,
}


@dataclass(frozen=True)
class Runner:
    """``image`` has vLLM. ``gpus`` are which it may use, as Docker writes it (all, device=0); empty: the CPU."""

    image: str
    gpus: str = ""
    _known: dict[Path, float] = field(default_factory=dict, compare=False)  # by the model's folder

    def nll(self, model: Path, mounted: Path) -> float:
        """Of the text, for the model in the folder ``model``, whose files and what they link to are in ``mounted``."""
        if model in self._known:
            return self._known[model]
        attempted = f"Failed to run {model} with {self.image}"
        request = {"model": str(model), "text": "\n".join(HELD_OUT), "length": LENGTH}
        try:
            answer = ask(self._program(mounted), request, model, attempted)
        except FleetError as error:
            step = error.next_step or "Can it serve the model here? Without quantize_vllm_image there is no such proof."
            raise FleetError(attempted, error.cause, step) from error
        self._known[model] = float(answer["nll"])
        return self._known[model]

    def _program(self, mounted: Path) -> Program:
        # Compiling the ranks of logprobs would take longer than finding them.
        cpu = ("--security-opt=seccomp=unconfined", "--shm-size=1g", "--env=TORCH_COMPILE_DISABLE=1")
        return Program(
            image=self.image,
            image_option="quantize_vllm_image",
            arguments=("-c", inspect.getsource(score)),
            environment=ENVIRONMENT,
            mounts=(f"source={mounted},target={mounted},readonly",),
            options=("--entrypoint=python3", *((f"--gpus={self.gpus}", "--ipc=host") if self.gpus else cpu)),
            read_cause=why_refused,
        )


def compare(runner: Runner, source: Path, made: Path, mounted: Path, scheme: str, label: str) -> dict[str, Any]:
    """How probable both find the text; FleetError where they differ too much."""
    before, after = runner.nll(source, mounted), runner.nll(made, mounted)
    limit = LIMITS[scheme]
    if not abs(after - before) <= limit:
        cause = (
            f"the mean negative log-likelihood of a text goes from {before:.4f} to {after:.4f}, by more than {limit}"
        )
        raise FleetError(f"Failed to quantize {label}", cause, STEP)
    return {"nll_source": round(before, 4), "nll": round(after, 4), "image": runner.image}
