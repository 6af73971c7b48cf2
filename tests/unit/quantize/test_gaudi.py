# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calibration for Gaudi, with a stand-in for the container: what is asked, what is left, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.cache_layout import ModelFolder
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize import calibration_target
from ansible_collections.inference.fleet.plugins.module_utils.quantize.calibration_target import Calibration
from ansible_collections.inference.fleet.plugins.module_utils.quantize.gaudi import calibrate_in_container
from ansible_collections.inference.fleet.plugins.module_utils.quantize.gaudi_calibrate import DETECT, digest_of
from ansible_collections.inference.fleet.plugins.module_utils.quantize.make import Maker

from .conftest import COMMIT, FILES, SCRIPT

REPOSITORY = Path(__file__).parents[3]
PLACE = f"/models/models--Org--Tiny-Chat-inc_fp8/snapshots/{COMMIT}/inc"
ONE, TWO = Calibration("g2", 1), Calibration("g2", 2)


@pytest.fixture
def calibrate(cache, gaudi, tmp_path):
    """A function: what comes of calibrating for ``wanted``, in TMP/inc."""

    def run(wanted=TWO, **options):
        source = cache / "models--Org--Tiny-Chat" / "snapshots" / COMMIT
        return calibrate_in_container(source, tmp_path / "inc", "Tiny-Chat", PLACE, wanted, replace(gaudi, **options))

    return run


@pytest.fixture
def config(cache):
    """config.json of the model that is calibrated."""
    return (cache / "models--Org--Tiny-Chat" / "snapshots" / COMMIT / "config.json").resolve()


@pytest.fixture
def make(cache, gaudi):
    """A function: what the maker makes for ``wanted``, and what goes wrong."""

    def run(wanted=TWO, check_mode=False, **options):
        artifact = Artifact("Org/Tiny-Chat-inc_fp8", COMMIT, quantization="inc_fp8", calibration=wanted)
        maker = Maker(cache, Hub("http://127.0.0.1:9", ""), Progress(None), gaudi=replace(gaudi, **options))
        return maker.make([artifact], check_mode=check_mode)

    return run


def test_the_cache_is_where_the_role_mounts_it():
    variables = yaml.safe_load((REPOSITORY / "roles/vllm/vars/main.yml").read_text())
    assert variables["_vllm_cache_mount"] == calibration_target.CACHE


def test_it_leaves_files_that_name_the_path_in_the_container(calibrate, tmp_path):
    found = calibrate()
    assert (found.layers, found.sizes) == (3, [2])
    model = tmp_path / "inc" / "tiny-chat"
    for kind in ("measure", "quant"):
        config = json.loads((model / f"maxabs_{kind}_g2.json").read_text())
        assert config["dump_stats_path"] == f"{PLACE}/tiny-chat/g2/inc_output"
    assert (model / "g2" / "inc_output_hooks_maxabs_MAXABS_HW_1_2.npz").stat().st_size


def test_the_container_gets_the_devices_and_no_network(calibrate, created, tmp_path):
    calibrate(devices="4,5", memory="64g")
    arguments = created()
    wanted = {
        "--runtime=habana",
        "--cap-add=SYS_NICE",
        "--ipc=host",
        "--network=none",
        "--env=HABANA_VISIBLE_DEVICES=4,5",
        "--memory=64g",
        f"--mount=type=bind,source={tmp_path}/inc,target={PLACE}",
    }
    assert wanted <= set(arguments)
    assert arguments[-2:] == ["registry.example.com/vllm-gaudi@sha256:" + "1" * 64, "-c"]


def test_what_many_devices_measure_is_unified_for_fewer(calibrate):
    assert calibrate(ONE, measured_on=4).sizes == [1, 4]


def test_experts_that_are_shared_out_are_known_after_that_only(calibrate):
    assert calibrate(TWO, measured_on=4, experts=True).sizes == [2]


def test_another_spelling_of_the_folder_is_put_right(calibrate, monkeypatch, tmp_path):
    monkeypatch.setenv("STANDIN_FAULT", "mixed-case")
    calibrate()
    assert [path.name for path in (tmp_path / "inc").iterdir()] == ["tiny-chat"]
    config = json.loads((tmp_path / "inc" / "tiny-chat" / "maxabs_quant_g2.json").read_text())
    assert config["dump_stats_path"] == f"{PLACE}/tiny-chat/g2/inc_output"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param("measure", "step 2 of the script failed: RuntimeError: [Rank:0] FATAL ERROR", id="out of memory"),
        pytest.param("measure", "set the tensor parallel size higher", id="which has a remedy"),
        pytest.param(
            "rank", "rank 1 of 2 left no inc_output_hooks_maxabs_1_2_mod_list.json", id="a rank without files"
        ),
        pytest.param("layer", "of rank 1 of 2, has nothing of layer 1", id="a layer is missing"),
        pytest.param("empty", "maxabs_1_2.npz, of rank 1 of 2, is empty or damaged", id="an empty archive"),
        pytest.param("infinite", "of rank 1 of 2, says inf of lm_head", id="no number"),
        pytest.param("no-device", "it finds no Gaudi 2 or 3 (RuntimeError: No HPU devices available)", id="no device"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(calibrate, monkeypatch, tmp_path, fault, message):
    monkeypatch.setenv("STANDIN_FAULT", fault)
    with pytest.raises(FleetError) as raised:
        calibrate()
    assert message in str(raised.value)
    assert not (tmp_path / "inc").exists()


def test_the_script_may_fail_without_saying_so_in_its_status(calibrate, monkeypatch):
    monkeypatch.setenv("STANDIN_FAULT", "unify")
    with pytest.raises(FleetError, match="could not unify the measurements"):
        calibrate(ONE, measured_on=2)


def test_devices_of_another_generation_are_refused_saying_both(calibrate, monkeypatch):
    monkeypatch.setenv("STANDIN_GENERATION", "3")
    with pytest.raises(FleetError, match="its devices are g3, and it is to be served on g2"):
        calibrate()


@pytest.mark.parametrize(
    ("wanted", "options", "message"),
    [
        pytest.param(Calibration("g2", 16), {}, "measuring on 16 devices takes several hosts", id="several hosts"),
        pytest.param(TWO, {"measured_on": 3}, "what 3 ranks measure cannot be unified to 2", id="no multiple"),
        pytest.param(TWO, {"experts": True}, "nothing would unify them", id="experts that nobody unifies"),
        pytest.param(TWO, {"script": "/absent.sh"}, "the image has no /absent.sh", id="an image without the script"),
        pytest.param(TWO, {"digest": "sha256:0"}, "not to sha256:0. Use the image", id="another script"),
    ],
)
def test_what_cannot_be_is_refused(calibrate, wanted, options, message):
    with pytest.raises(FleetError) as raised:
        calibrate(wanted, **options)
    assert message in str(raised.value)


def test_an_image_without_the_detection_is_no_gaudi_2(calibrate, tmp_path):
    folder = shutil.copytree(SCRIPT.parent, tmp_path / "calibration")
    (folder / DETECT).unlink()
    with pytest.raises(FleetError, match=f"the image has no {folder / DETECT}. Set quantize_gaudi.script to"):
        calibrate(script=str(folder / SCRIPT.name))


def test_layers_are_those_of_the_language_model(calibrate, config):
    config.write_text(json.dumps({"num_hidden_layers": 3, "text_config": {"num_hidden_layers": 4}}))
    with pytest.raises(FleetError, match=r"has nothing of layer 3\."):
        calibrate()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "how many layers it has (KeyError: 'num_hidden_layers')"),
        ('{"num_hidden_layers": 0}', "how many layers it has (ValueError: it has 0 layers)"),
        ("[]", "how many layers it has (TypeError: it is not a JSON object)"),
        ("", "how many layers it has (JSONDecodeError: "),
    ],
)
def test_a_model_that_does_not_say_how_many_layers_it_has_is_refused_before_it_runs(
    calibrate, config, tmp_path, content, message
):
    config.write_text(content)
    with pytest.raises(FleetError) as raised:
        calibrate()
    assert message in str(raised.value)
    assert not (tmp_path / "create.json").exists()


def test_a_result_is_a_model_of_its_own_that_says_what_it_is_for(make, cache):
    (found,), errors = make()
    assert errors == []
    snapshot = Path(found.path)
    assert (found.changed, snapshot.parts[-3]) == (True, "models--Org--Tiny-Chat-inc_fp8")
    for name in FILES:
        source = cache / "models--Org--Tiny-Chat" / "snapshots" / COMMIT / name
        assert (snapshot / name).read_bytes() == source.read_bytes()
        assert (snapshot / name).readlink().name == source.readlink().name  # the hash that was verified
    assert (snapshot / "inc" / "tiny-chat" / "maxabs_quant_g2.json").is_file()
    artifact = Artifact("Org/Tiny-Chat-inc_fp8", COMMIT, quantization="inc_fp8", calibration=TWO)
    said = ModelFolder(cache, artifact).quantization()
    assert said["calibration"] == {"device_generation": "g2", "tensor_parallel_sizes": [2], "layers": 3}
    assert said["source"]["commit"] == COMMIT
    assert said["tools"]["calibrate_model.sh"] == digest_of(SCRIPT.parent)
    assert said["tools"]["image"].startswith("registry.example.com/vllm-gaudi@")
    assert said["proof"] == {"unchanged_files": 2, "unchanged_bytes": sum(len(text) for text in FILES.values())}
    (again,), _errors = make()
    assert not again.changed


def test_weights_that_are_not_the_sources_any_more_stay_out(make, cache):
    (cache / "models--Org--Tiny-Chat" / "snapshots" / COMMIT / "model.safetensors").resolve().write_text("WEIGHTS")
    found, (error,) = make()
    assert found == []
    assert "its hash differs" in str(error)


def test_what_was_measured_for_other_devices_is_replaced(make):
    make(TWO)
    (predicted,), _errors = make(ONE, check_mode=True)
    assert predicted.changed
    (found,), errors = make(ONE)
    assert (found.changed, errors) == (True, [])
    assert not [*Path(found.path).rglob("*_1_2.json")]


def test_a_scheme_without_its_image_is_refused(cache):
    artifact = Artifact("Org/Tiny-Chat-inc_fp8", COMMIT, quantization="inc_fp8", calibration=ONE)
    _found, (error,) = Maker(cache, Hub("http://127.0.0.1:9", ""), Progress(None)).make([artifact], check_mode=False)
    assert str(error).endswith("there is no image that has it. Set quantize_gaudi.image.")
