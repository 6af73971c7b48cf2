# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemes that need to run the model: llm-compressor quantizes it, in a container of its own without a network."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import FleetError
from . import oneshot
from .calibration import read_samples
from .container import Program, Tools, ask, root_of

CALIBRATED = ("fp8_static", "fp8_kv", "w4a16")  # on text; the others look at nothing but the weights
SCHEMES = (*oneshot.PRESETS, "w4a16")
ENVIRONMENT = ("HF_HUB_OFFLINE=1", "TOKENIZERS_PARALLELISM=false", "TMPDIR=/tmp", "HOME=/tmp")


@dataclass(frozen=True)
class Options:
    """How it is done."""

    image: str = ""  # with llm-compressor for its `python`; empty: there is none
    ignored: Sequence[str] = ("lm_head",)  # layers that stay as they are
    calibration: Path | None = None  # a file of samples; without one, the text that is shipped
    samples: int = 512  # of the data that are used, at most
    length: int = 2048  # tokens of a sample that are used, at most
    memory: str = ""  # the most that the container may take, as Docker writes it (64g); empty: no limit
    gpus: str = ""  # which it may use, as Docker writes it (all, device=0); empty: none


def quantize_in_container(source: Path, target: Path, scheme: str, options: Options) -> Tools:
    """Quantize the model in ``source`` into the folder ``target``, which must not exist yet.

    Raises FleetError, and leaves no target, where that fails.
    """
    attempted = f"Failed to quantize {source} to {scheme}"
    if scheme not in SCHEMES:
        raise FleetError(attempted, "llm-compressor is not asked for this scheme", f"It is for {', '.join(SCHEMES)}.")
    samples = read_samples(options.calibration, options.samples) if scheme in CALIBRATED else []
    root = root_of(source)
    request = {
        "source": f"/source/{source.absolute().relative_to(root)}",
        "target": "/target",
        "scheme": scheme,
        "ignored": list(options.ignored),
        "samples": samples,
        "length": options.length,
    }
    target.mkdir(parents=True)
    try:
        answer = ask(_program(root, target, options), request, target, attempted)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return Tools(options.image, answer["versions"])


def _program(root: Path, target: Path, options: Options) -> Program:
    return Program(
        image=options.image,
        image_option="quantize_image",
        arguments=("-I", "-c", inspect.getsource(oneshot)),
        environment=ENVIRONMENT,
        mounts=(f"source={root},target=/source,readonly", f"source={target.absolute()},target=/target"),
        options=(
            "--entrypoint=python",
            "--read-only",
            "--tmpfs=/tmp",
            *([f"--gpus={options.gpus}"] if options.gpus else []),
        ),
        memory=options.memory,
        memory_step="Set quantize_memory higher, or use fp8_dynamic, which needs little.",
    )
