# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheme inc_fp8: vllm-gaudi's own script measures the model on Gaudi, in one container without a network.

What the model becomes is itself, with a folder of measurements and scales; vLLM quantizes it as it loads it.
"""

from __future__ import annotations

import inspect
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FleetError
from ..fit.text_config import text_config
from . import gaudi_calibrate
from .calibration_target import Calibration
from .container import Program, Tools, ask, root_of
from .gaudi_dataset import read_questions
from .gaudi_files import Ranks, require_complete

MOST = 8  # devices of one host; beyond that the script wants a Ray cluster
ENVIRONMENT = (
    "HF_HUB_OFFLINE=1",
    "VLLM_NO_USAGE_STATS=1",
    "TMPDIR=/tmp",
    "HOME=/tmp",
    "USER=vllm",
    "LOGNAME=vllm",
    "OMPI_MCA_btl_vader_single_copy_mechanism=none",
    "PT_HPU_ENABLE_LAZY_COLLECTIVES=true",
    # There is no other interface without a network.
    "VLLM_HOST_IP=127.0.0.1",
    "GLOO_SOCKET_IFNAME=lo",
    "HCCL_SOCKET_IFNAME=lo",
)


@dataclass(frozen=True)
class Options:
    """How it is done."""

    image: str = ""  # with vLLM for Gaudi and its calibration script; empty: there is none
    script: str = "/workspace/vllm-gaudi/calibration/calibrate_model.sh"  # in the image
    digest: str = ""  # what the script's folder must hash to (sha256:…); empty: whatever it is
    devices: str = "all"  # which it may use, as HABANA_VISIBLE_DEVICES
    measured_on: int = 0  # ranks that measure; 0: as many as serve it, else the results are unified
    experts: bool = False  # whether experts are divided among the ranks, not their matrices
    calibration: Path | None = None  # questions as JSON lines, Parquet or pickle; without them, those that are shipped
    samples: int = 512  # of the questions that are used, at most
    batch: int = 32
    memory: str = ""  # the most that the container may take, as Docker writes it (512g); empty: no limit
    runtime: str = "habana"  # of Docker


@dataclass(frozen=True)
class Calibrated:
    """What came of it."""

    tools: Tools
    layers: int
    sizes: list[int]  # tensor parallel sizes that it can be served with

    def as_dict(self, wanted: Calibration) -> dict[str, Any]:
        """As a manifest says it."""
        return {
            "device_generation": wanted.generation,
            "tensor_parallel_sizes": self.sizes,
            "layers": self.layers,
        }


def calibrate_in_container(
    source: Path, target: Path, name: str, place: str, wanted: Calibration, options: Options
) -> Calibrated:
    """Measure the model in ``source`` into the folder ``target``, which must not exist yet.

    ``target`` is at ``place`` in the container, as it will be where the model is served. ``name`` is what the model is
    called on the hub, without its owner. Raises FleetError, and leaves no target, where that fails.
    """
    attempted = f"Failed to calibrate {source} for {wanted}"
    measured = options.measured_on or wanted.parallel
    _require_possible(measured, wanted, options, attempted)
    layers = _layers_of(source, attempted)
    rows = read_questions(options.calibration)
    root = root_of(source)
    request: dict[str, Any] = {
        "script": options.script,
        "digest": options.digest,
        "source": f"/source/{source.absolute().relative_to(root)}",
        "name": name,
        "place": place,
        "generation": wanted.generation,
        "rows": rows,
        "data": f"/data/{options.calibration.name}" if options.calibration and rows is None else "",
        "batch": options.batch,
        "samples": options.samples,
        "parallel": measured,
        "unify": wanted.parallel if measured != wanted.parallel else 0,
        "experts": options.experts,
    }
    unified = [Ranks(wanted.parallel, listed=False)] if request["unify"] else []
    target.mkdir(parents=True)
    try:
        answer = ask(_program(root, target, place, request["data"], options), request, target, attempted)
        ranks = [Ranks(measured, listed=True), *unified]
        require_complete(target, place, name.lower(), wanted.generation, layers, ranks, attempted)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    # Ranks that share experts out know nothing of the others' before that is unified.
    sizes = [each.count for each in (unified if options.experts and unified else ranks)]
    return Calibrated(Tools(options.image, answer["versions"]), layers, sorted(sizes))


def _require_possible(measured: int, wanted: Calibration, options: Options, attempted: str) -> None:
    if measured > MOST:
        cause = f"measuring on {measured} devices takes several hosts"
        raise FleetError(attempted, cause, f"Set quantize_gaudi.measured_on to at most {MOST}.")
    if measured < wanted.parallel or measured % wanted.parallel:
        cause = f"what {measured} ranks measure cannot be unified to {wanted.parallel}"
        raise FleetError(attempted, cause, "Set quantize_gaudi.measured_on to a multiple of it.")
    if options.experts and measured == wanted.parallel > 1:
        cause = f"of {measured} ranks that share experts out each measures its own only, and nothing would unify them"
        raise FleetError(attempted, cause, "Set quantize_gaudi.measured_on to a multiple of the tensor parallel size.")


def _layers_of(source: Path, attempted: str) -> int:
    """How many must have been measured in the end."""
    try:
        return text_config(json.loads((source / "config.json").read_text(encoding="utf-8"))).depth
    except (KeyError, OSError, TypeError, ValueError) as error:
        cause = f"its config.json does not say how many layers it has ({type(error).__name__}: {error})"
        raise FleetError(attempted, cause, "Is this the configuration of a language model?") from error


def _program(root: Path, target: Path, place: str, data: str, options: Options) -> Program:
    mounts = [
        f"source={root},target=/source,readonly",
        f"source={target.absolute()},target={place}",
    ]
    if data and options.calibration:
        mounts.append(f"source={options.calibration.absolute()},target={data},readonly")
    return Program(
        image=options.image,
        image_option="quantize_gaudi.image",
        arguments=("-c", inspect.getsource(gaudi_calibrate)),
        environment=(f"HABANA_VISIBLE_DEVICES={options.devices}", *ENVIRONMENT),
        mounts=mounts,
        options=(
            f"--runtime={options.runtime}",
            "--cap-add=SYS_NICE",
            "--ipc=host",
            "--workdir=/tmp",
            "--entrypoint=python3",
        ),
        memory=options.memory,
        memory_step="Set quantize_memory higher.",
    )
