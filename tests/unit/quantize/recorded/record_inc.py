# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the files in ``inc`` anew: what a calibration for Gaudi leaves, without a Gaudi.

    python record_inc.py CALIBRATION

CALIBRATION is the folder of that name in vllm-gaudi. Two ranks measure a model with two layers on a CPU and compute its
scales, then vllm-gaudi's steps 3 and 5 make one rank's files of theirs. Needs torch and neural-compressor-pt 3.10.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from neural_compressor.torch.quantization import FP8Config, convert, finalize_calibration, prepare

RANKS = 2
WIDTH = 64
FOLDER = Path(__file__).with_name("inc") / "tiny"
STATS = FOLDER / "g2"
COMMON = {
    "observer": "maxabs",
    "allowlist": {"types": [], "names": []},
    "blocklist": {"types": [], "names": []},
    "dump_stats_path": "/out/inc/tiny/g2/inc_output",
    "use_qdq": "True",
    "scale_format": "CONST",
    "device_for_scales": "GAUDI2",
}
CONFIGS = {
    "measure": {"method": "HOOKS", "mode": "MEASURE", **COMMON},
    "quant": {"mode": "QUANTIZE", "scale_method": "maxabs_hw", **COMMON},
}


class Group(torch.nn.Module):
    """Linear layers of these names, one after the other."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            self.add_module(name, torch.nn.Linear(WIDTH, WIDTH, bias=False))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            values = layer(values)
        return values


class Layer(torch.nn.Module):
    """A decoder's layer by its names; what it computes does not matter here."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Group("q_proj", "k_proj", "v_proj", "o_proj")
        self.mlp = Group("gate_proj", "up_proj", "down_proj")

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.mlp(values + self.self_attn(values))


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Module()
        self.model.layers = torch.nn.ModuleList([Layer(), Layer()])
        self.lm_head = torch.nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        for layer in self.model.layers:
            values = layer(values)
        return self.lm_head(values)


def run(rank: int, kind: str) -> None:
    """What one rank does in steps 2 (``kind`` measure) and 4 (quant) of a calibration."""
    torch.distributed.init_process_group("gloo", rank=rank, world_size=RANKS)
    torch.manual_seed(rank)  # as with tensor parallelism, each has weights of its own
    config = STATS.parent / f"here-{kind}-{rank}.json"
    config.write_text(json.dumps({**CONFIGS[kind], "dump_stats_path": str(STATS / "inc_output")}), encoding="utf-8")
    quantization = FP8Config.from_json_file(str(config))
    model = Model().to(torch.bfloat16)
    if kind == "measure":
        model = prepare(model, quantization)
        model(torch.randn(8, WIDTH, dtype=torch.bfloat16))
        torch.distributed.barrier()  # who prepares moves away what is there
        finalize_calibration(model)
    else:
        convert(model, quantization)
    config.unlink()


def main(calibration: Path) -> None:
    """Replace the folder."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    STATS.mkdir(parents=True)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29555")
    for kind, config in CONFIGS.items():
        (FOLDER / f"maxabs_{kind}_g2.json").write_text(json.dumps(config), encoding="utf-8")
        torch.multiprocessing.spawn(run, (kind,), nprocs=RANKS)
    with tempfile.TemporaryDirectory() as mended:
        step(calibration / "step-3-postprocess-measure.py", "-o", mended)
        shutil.copytree(mended, STATS, dirs_exist_ok=True)
    step(calibration / "step-5-unify_measurements.py", "-o", str(STATS), "-r", "1")


def step(script: Path, *options: str) -> None:
    """Run one of vllm-gaudi's on what is measured."""
    subprocess.run([sys.executable, str(script), "-m", str(STATS), *options], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
