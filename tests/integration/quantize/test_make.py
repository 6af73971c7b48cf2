# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantized models in a cache: made once, with what they are made of from the hub, and with their proof."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from ansible_collections.inference.fleet.plugins.module_utils.quantize.container import name_for
from ansible_collections.inference.fleet.plugins.module_utils.quantize.llmcompressor import Options
from ansible_collections.inference.fleet.plugins.module_utils.quantize.make import Maker
from rig.shell import docker

from ..programs import MAKE, Program
from .models import SPOKEN


@pytest.fixture
def made(hub, references, image, tmp_path):
    """A function: what is made, and the errors, of org/spoken at the hub by ``scheme``."""
    shutil.copytree(references / SPOKEN / "source", tmp_path / "hub" / "org" / "spoken")

    def run(scheme, *, image=image, check_mode=False, url=hub.url):
        options = Options(image, samples=4, length=128)
        maker = Maker(tmp_path / "cache", Hub(url, ""), Progress(None), options)
        wanted = Artifact(f"org/spoken-{scheme}", "main", quantization=scheme)
        return maker.make([wanted], check_mode=check_mode)

    return run


@pytest.mark.parametrize("scheme", ["fp8_dynamic", "int8_w8a8"])
def test_it_is_made_once_and_says_what_of(made, hub, tmp_path, scheme):
    (predicted,), _errors = made(scheme, check_mode=True)
    assert predicted.changed
    assert not (tmp_path / "cache").exists()
    (found,), errors = made(scheme)
    assert errors == []
    assert (found.changed, found.commit, found.path) == (True, predicted.commit, predicted.path)
    (record,) = (tmp_path / "cache" / f"models--org--spoken-{scheme}" / "manifests").iterdir()
    said = json.loads(record.read_text())["quantization"]
    assert (said["scheme"], said["source"]["repo_id"], said["proof"]["tensors"]) == (scheme, "org/spoken", 14)
    assert said["source"]["commit"] == found.commit
    assert "model.safetensors" in said["source"]["files"]
    hub.exchanges.clear()
    (again,), errors = made(scheme)
    assert (again.changed, errors) == (False, [])
    assert len(hub.exchanges) == 1, "what the branch is now"
    assert not [*(tmp_path / "cache").rglob("work")]


def test_what_a_killed_run_left_goes(made, hub, image, tmp_path):
    cache = tmp_path / "cache"
    target = cache / ".quantize" / "models--org--spoken-int8_w8a8" / "work" / "model"
    model = {"repo_id": "org/spoken", "revision": "main", "quantization": "int8_w8a8"}
    program = Program(MAKE, {"model": model, "hub": hub.url, "cache": str(cache), "image": image})
    process = program.start()
    deadline = time.monotonic() + 60
    while not (left := docker("ps", "--quiet", f"--filter=name={name_for(target)}")):
        assert time.monotonic() < deadline, "no container was started"
        time.sleep(0.1)
    program.kill()
    process.wait()
    (target / "rubbish").write_text("")
    assert made("int8_w8a8")[1] == []
    assert left not in docker("ps", "--all", "--quiet")
    assert not target.parent.exists()
    assert not [*(cache / "models--org--spoken-int8_w8a8").rglob("rubbish")]


def test_a_branch_is_followed(made, tmp_path):
    (first,), _errors = made("int8_w8a8")
    (tmp_path / "hub" / "org" / "spoken" / "LICENSE").write_text("Do as you like.")
    (second,), errors = made("int8_w8a8")
    assert errors == []
    assert first.commit != second.commit
    assert Path(second.path, "LICENSE").exists()


def test_a_branch_is_what_the_cache_knows_where_there_is_no_hub(made):
    (first,), _errors = made("fp8_dynamic")
    (second,), errors = made("fp8_dynamic", url="http://127.0.0.1:9")
    assert (second.commit, second.changed, errors) == (first.commit, False, [])


@pytest.mark.parametrize("scheme", ["int8_w8a8", "fp8_static"])
def test_what_is_quantized_is_not_quantized_again(made, tmp_path, scheme):
    config = tmp_path / "hub" / "org" / "spoken" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "quantization_config": {"quant_method": "fp8"}}))
    _found, (error,) = made(scheme)
    assert "it is quantized already (fp8). Leave out quantization" in str(error)


def test_a_scheme_without_its_image_is_refused(made, tmp_path):
    _found, (error,) = made("int8_w8a8", image="", check_mode=True)
    assert "Set quantize_image." in str(error)
    _found, (error,) = made("int8_w8a8", image="")
    assert not (tmp_path / "cache").exists(), "before the source was brought"
    assert "int8_w8a8 goes through llm-compressor, and there is no image that has it. Set quantize_image." in str(error)
