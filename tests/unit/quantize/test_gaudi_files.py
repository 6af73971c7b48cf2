# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a calibration for Gaudi left is complete, whatever its script says."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize.gaudi_files import Ranks, complete

PLACE = "/models/models--Org--Tiny-inc_fp8/snapshots/0/inc"
MODULES = ["model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj", "lm_head"]


# What neural-compressor-pt 3.10 left of a model with two layers on a CPU, for two ranks, and what steps 3 and 5 of
# vllm-gaudi's calibration then made of that.
RECORDED = Path(__file__).with_name("recorded") / "inc"


@pytest.fixture
def folder(tmp_path):
    """What one rank leaves that has no number, as a single one may."""
    stats = tmp_path / "tiny" / "g2"
    stats.mkdir(parents=True)
    for kind, mode in (("measure", "MEASURE"), ("quant", "QUANTIZE")):
        config = {"mode": mode, "observer": "maxabs", "dump_stats_path": f"{PLACE}/tiny/g2/inc_output"}
        (tmp_path / "tiny" / f"maxabs_{kind}_g2.json").write_text(json.dumps(config))
    for name, mode in (("", "DynamicRange"), ("_MAXABS_HW", "Scale")):
        base = stats / f"inc_output_hooks_maxabs{name}"
        nodes = {module: {"inputs": [[[1.5]]]} for module in MODULES}
        base.with_suffix(".json").write_text(json.dumps({"Mode": mode, "Nodes": nodes}))
        with zipfile.ZipFile(base.with_suffix(".npz"), "w") as archive:
            archive.writestr("arr_0.npy", b"never opened")
    (stats / "inc_output_hooks_maxabs_mod_list.json").write_text(json.dumps(MODULES))
    return tmp_path


def check(folder, *more):
    return complete(folder, PLACE, "tiny", "g2", [Ranks(1, listed=True), *more], "Failed to calibrate")


def test_layers_are_counted(folder):
    assert check(folder) == 2


def test_real_files_are_complete(tmp_path):
    shutil.copytree(RECORDED, tmp_path / "inc")
    ranks = [Ranks(2, listed=True), Ranks(1, listed=False)]
    assert complete(tmp_path / "inc", PLACE, "tiny", "g2", ranks, "Failed to calibrate") == 2


def test_real_files_with_a_rank_missing_are_not(tmp_path):
    """A rank that begins late puts away what the others have left, and the library says nothing."""
    shutil.copytree(RECORDED, tmp_path / "inc")
    for path in (tmp_path / "inc" / "tiny" / "g2").glob("inc_output_hooks_maxabs_0_2*"):
        path.unlink()
    with pytest.raises(FleetError, match="rank 0 of 2 left no"):
        complete(tmp_path / "inc", PLACE, "tiny", "g2", [Ranks(2, listed=True)], "Failed to calibrate")


def test_what_an_interrupted_measurement_left_goes(folder):
    backup = folder / "tiny" / "g2" / "backup_inc_output_21-11_10:00:00"
    backup.mkdir()
    check(folder)
    assert not backup.exists()


def test_what_was_not_unified_is_missing(folder):
    with pytest.raises(FleetError, match=r"rank 0 of 2 left no inc_output_hooks_maxabs_0_2\.json"):
        check(folder, Ranks(2, listed=False))


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        pytest.param("maxabs_quant_g2.json", None, "the script left no maxabs_quant_g2.json", id="no configuration"),
        pytest.param("maxabs_quant_g2.json", "{}", "maxabs_quant_g2.json says mode None, not QUANTIZE", id="its mode"),
        pytest.param(
            "maxabs_measure_g2.json",
            '{"mode": "MEASURE", "observer": "save"}',
            "the configurations are of observer maxabs and save, not maxabs",
            id="observers that differ",
        ),
        pytest.param("g2/inc_output_hooks_maxabs.json", "", "of rank 0 of 1, is empty or no JSON", id="an empty file"),
        pytest.param(
            "g2/inc_output_hooks_maxabs.json",
            '{"Mode": "DynamicRange", "Nodes": {}}',
            "of rank 0 of 1, holds no DynamicRange of any module",
            id="nothing measured",
        ),
        pytest.param(
            "g2/inc_output_hooks_maxabs_MAXABS_HW.json",
            '{"Mode": "Scale", "Nodes": {"model.layers.1.mlp.down_proj": {"inputs": [1]}}}',
            "of rank 0 of 1, has nothing of layer 0",
            id="no scale of a layer",
        ),
        pytest.param(
            "g2/inc_output_hooks_maxabs.json",
            '{"Mode": "DynamicRange", "Nodes": {"model.layers.0.m": {"inputs": []}, "model.layers.1.m": {}}}',
            "has nothing of the inputs of model.layers.0.m",
            id="no inputs",
        ),
        pytest.param(
            "g2/inc_output_hooks_maxabs_MAXABS_HW.npz", None, "rank 0 of 1 has no inc_output", id="no archive"
        ),
    ],
)
def test_what_is_missing_is_named(folder, path, content, message):
    damaged = folder / "tiny" / path
    if content is None:
        damaged.unlink()
    else:
        damaged.write_text(content)
    with pytest.raises(FleetError) as raised:
        check(folder)
    assert message in str(raised.value)
    assert "Nothing was put in place." in str(raised.value)


def test_a_script_that_leaves_nothing_is_named(tmp_path):
    with pytest.raises(FleetError, match="the script left no folder tiny"):
        check(tmp_path)
