# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for the steps of vllm-gaudi's calibration: they leave files of the real names and of the real layout.

STANDIN_FAULT is one of: ``measure`` (step 2 fails), ``rank`` (the last rank writes nothing), ``layer`` (it lacks one),
``empty`` (one of its archives is), ``infinite`` (a range is), ``unify`` (step 5 says so, and ends well).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas

FAULT = os.environ.get("STANDIN_FAULT", "")
MODULES = ("self_attn.qkv_proj", "self_attn.attn.impl.matmul_qk", "self_attn.attn.impl.k_cache", "mlp.down_proj")
PREFIX = "inc_output_hooks_maxabs"


def prepare(dataset: str, limit: str, output: str) -> None:
    table = pandas.read_pickle(dataset)  # noqa: S301  (this is the container)
    table = table.head(int(limit)) if int(limit) else table
    table["input"] = [f"{row['system_prompt']}. {row['question']}" for _number, row in table.iterrows()]
    table.to_pickle(output)


def measure(model: str, stats: str, ranks: str, dataset: str) -> None:
    if FAULT == "measure":
        sys.exit("RuntimeError: [Rank:0] FATAL ERROR :: MODULE:PT_DEVMEM Allocation failed for size::939524096 (896)MB")
    questions = len(pandas.read_pickle(dataset)["input"])  # noqa: S301  (written by step 1)
    layers = json.loads(Path(model, "config.json").read_text())["num_hidden_layers"]
    modules = [f"model.layers.{layer}.{module}" for layer in range(layers) for module in MODULES] + ["lm_head"]
    for rank in range(int(ranks)):
        last = rank == int(ranks) - 1
        if last and FAULT == "rank":
            continue
        base = Path(stats, f"{PREFIX}_{rank}_{ranks}")
        measured = [name for name in modules if not (last and FAULT == "layer" and name.startswith("model.layers.1."))]
        nodes = {name: {"inputs": [[[questions + 0.5 * rank]]]} for name in measured}
        for name in measured:
            if name.endswith("_proj"):
                nodes[name]["params"] = {"weight": [[0.25]]}  # type: ignore[dict-item]
        if last and FAULT == "infinite":
            nodes["lm_head"] = {"inputs": [[[float("inf")]]]}
        write(base, rank, "DynamicRange", nodes)
        Path(f"{base}_mod_list.json").write_text(json.dumps(modules))
        if last and FAULT == "empty":
            Path(f"{base}.npz").write_bytes(b"")


def postprocess(stats: str) -> None:
    for path in Path(stats).glob("*.json"):
        json.loads(path.read_text())


def quantize(stats: str, ranks: str) -> None:
    for rank in range(int(ranks)):
        path = Path(stats, f"{PREFIX}_{rank}_{ranks}.json")
        if path.exists():
            nodes = {name: {"inputs": [0.0625]} for name in json.loads(path.read_text())["Nodes"]}
            write(Path(stats, f"{PREFIX}_MAXABS_HW_{rank}_{ranks}"), rank, "Scale", nodes)


def unify(stats: str, ranks: str, wanted: str) -> None:
    if FAULT == "unify":
        sys.stdout.write("Error: invalid measurement paths. No *.json files or no *mod_list.json files.\n")
        return
    for kind in (PREFIX, f"{PREFIX}_MAXABS_HW"):
        for rank in range(int(wanted)):
            found = json.loads(Path(stats, f"{kind}_{rank * int(ranks) // int(wanted)}_{ranks}.json").read_text())
            write(
                Path(stats, f"{kind}_{rank}_{wanted}"), rank if int(wanted) > 1 else -1, found["Mode"], found["Nodes"]
            )


def write(base: Path, rank: int, mode: str, nodes: dict[str, Any]) -> None:
    content = {"GlobalRank": None, "LocalRank": rank, "Mode": mode, "Nodes": nodes}
    Path(f"{base}.json").write_text(json.dumps(content))
    np.savez(f"{base}.npz", np.array(content, dtype=object))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
