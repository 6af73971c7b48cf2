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
from ansible_collections.inference.fleet.plugins.module_utils.quantize.gaudi_files import Ranks, require_complete

PLACE = "/models/models--Org--Tiny-inc_fp8/snapshots/0/inc"
PARTS = ("self_attn.o_proj", "self_attn.attn.impl.matmul_qk", "mlp.down_proj")
MODULES = [f"model.layers.{layer}.{part}" for layer in (0, 1) for part in PARTS] + ["lm_head"]
IDLE = ["model.layers.0.mlp.experts", "model.layers.0.self_attn.attn.impl.softmax", "vision_tower.blocks.0.o_proj"]

# What neural-compressor-pt 3.10 left of a model with two layers on a CPU, for two ranks, and what steps 3 and 5 of
# vllm-gaudi's calibration then made of that (`record_inc.py` beside it).
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
        for module in nodes:
            if module.endswith("_proj"):
                nodes[module]["params"] = {"weight": [[0.25]]}
        base.with_suffix(".json").write_text(json.dumps({"Mode": mode, "Nodes": nodes}))
        with zipfile.ZipFile(base.with_suffix(".npz"), "w") as archive:
            archive.writestr("arr_0.npy", b"never opened")
    (stats / "inc_output_hooks_maxabs_mod_list.json").write_text(json.dumps(MODULES))
    return tmp_path


def check(folder, *ranks, layers=2):
    ranks = ranks or [Ranks(1, listed=True)]
    require_complete(folder, PLACE, "tiny", "g2", layers, ranks, "Failed to calibrate")


def leave_out(path, module):
    content = json.loads(path.read_text())
    del content["Nodes"][module]
    path.write_text(json.dumps(content))


def test_layers_of_the_model_that_the_script_did_not_list_are_missing(folder):
    check(folder)
    with pytest.raises(FleetError, match=r"hooks_maxabs\.json, of rank 0 of 1, has nothing of layer 2, 3\."):
        check(folder, layers=4)


def test_a_list_without_layers_lets_no_layer_be_missing(folder):
    stats = folder / "tiny" / "g2"
    (stats / "inc_output_hooks_maxabs_mod_list.json").write_text('["lm_head"]')
    for name in ("", "_MAXABS_HW"):
        for module in MODULES[:-1]:
            leave_out(stats / f"inc_output_hooks_maxabs{name}.json", module)
    with pytest.raises(FleetError, match="has nothing of layer 0, 1"):
        check(folder)


@pytest.mark.parametrize("name", ["inc_output_hooks_maxabs.json", "inc_output_hooks_maxabs_MAXABS_HW.json"])
def test_a_module_is_missing_beside_others_of_its_layer(folder, name):
    leave_out(folder / "tiny" / "g2" / name, "model.layers.1.mlp.down_proj")
    with pytest.raises(FleetError, match=rf"{name}, of rank 0 of 1, has nothing of model\.layers\.1\.mlp\.down_proj\."):
        check(folder)


def test_what_is_measured_has_a_scale_with_weights_or_without(folder):
    leave_out(folder / "tiny" / "g2" / "inc_output_hooks_maxabs_MAXABS_HW.json", MODULES[1])
    with pytest.raises(FleetError, match=f"has nothing of {MODULES[1]}"):
        check(folder)


def test_what_is_listed_and_never_runs_is_not_missing(folder):
    """As vllm-gaudi's FusedMoE, its softmax where attention is fused, and the tower of a model that also sees."""
    (folder / "tiny" / "g2" / "inc_output_hooks_maxabs_mod_list.json").write_text(json.dumps(MODULES + IDLE))
    check(folder)


def test_real_files_are_complete(tmp_path):
    shutil.copytree(RECORDED, tmp_path / "inc")
    check(tmp_path / "inc", Ranks(2, listed=True), Ranks(1, listed=False))


@pytest.mark.parametrize(("suffix", "rank"), [("1_2", "rank 1 of 2"), ("0_1", "rank 0 of 1")])
def test_real_files_with_a_module_missing_that_another_rank_has_are_not(tmp_path, suffix, rank):
    """In all of its layers, so that nothing but the other rank tells; ``0_1`` is what the two were unified to."""
    shutil.copytree(RECORDED, tmp_path / "inc")
    left = tmp_path / "inc" / "tiny" / "g2" / f"inc_output_hooks_maxabs_{suffix}.json"
    for layer in (0, 1):
        leave_out(left, f"model.layers.{layer}.mlp.down_proj")
    with pytest.raises(FleetError, match=rf"{rank}, has nothing of model\.layers\.0\.mlp\.down_proj\."):
        check(tmp_path / "inc", Ranks(2, listed=True), Ranks(1, listed=False))


def test_real_files_with_a_rank_missing_are_not(tmp_path):
    """A rank that begins late puts away what the others have left, and the library says nothing."""
    shutil.copytree(RECORDED, tmp_path / "inc")
    for path in (tmp_path / "inc" / "tiny" / "g2").glob("inc_output_hooks_maxabs_0_2*"):
        path.unlink()
    with pytest.raises(FleetError, match="rank 0 of 2 left no"):
        check(tmp_path / "inc", Ranks(2, listed=True))


def test_what_an_interrupted_measurement_left_goes(folder):
    backup = folder / "tiny" / "g2" / "backup_inc_output_21-11_10:00:00"
    backup.mkdir()
    check(folder)
    assert not backup.exists()


def test_what_was_not_unified_is_missing(folder):
    with pytest.raises(FleetError, match=r"rank 0 of 2 left no inc_output_hooks_maxabs_0_2\.json"):
        check(folder, Ranks(1, listed=True), Ranks(2, listed=False))


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
