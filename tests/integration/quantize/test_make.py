# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantized models in a cache: made once, with what they are made of from the hub, and with their proof."""

from __future__ import annotations

import json
import shutil

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from ansible_collections.inference.fleet.plugins.module_utils.quantize.llmcompressor import Options
from ansible_collections.inference.fleet.plugins.module_utils.quantize.make import Maker

from .models import SPOKEN


@pytest.fixture
def made(hub, references, image, tmp_path):
    """A function: what is made, and the errors, of org/spoken at the hub by ``scheme``."""
    shutil.copytree(references / SPOKEN / "source", tmp_path / "hub" / "org" / "spoken")

    def run(scheme, *, image=image, check_mode=False):
        options = Options(image, samples=4, length=128) if image else None
        maker = Maker(tmp_path / "cache", Hub(hub.url, ""), Progress(None), options)
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
    assert (again.changed, errors, hub.exchanges) == (False, [], [])
    assert not [*(tmp_path / "cache").glob(".quantize-*")]


def test_a_scheme_without_its_image_is_refused(made):
    _found, (error,) = made("int8_w8a8", image="")
    assert "int8_w8a8 goes through llm-compressor, and there is no image that has it. Set quantize_image." in str(error)
