# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found by comparing the files of a quantized model with those of its source."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize.likeness import likeness
from ansible_collections.inference.fleet.plugins.module_utils.quantize.stored import StoredTensors
from tests.quantize_folder import quantize_folder

from ...checkpoints import repository, safetensors, weights

UP = "model.layers.0.mlp.up_proj.weight"
FILE = "model.safetensors"


@pytest.fixture
def models(tmp_path):
    """Folders of a model and of its quantized copy."""
    source = tmp_path / "source"
    source.mkdir()
    for name, content in repository(weights()).items():
        (source / name).write_bytes(content)
    proof = quantize_folder(source, tmp_path / "target")
    return source, tmp_path / "target", proof


def overwrite(folder, name, content, offset=0):
    """Other bytes in a tensor."""
    with StoredTensors(folder) as stored:
        start = stored.tensors[name].start
    with (folder / FILE).open("r+b") as file:
        file.seek(start + offset)
        file.write(content)


def test_it_is_what_was_found_while_quantizing(models):
    source, target, proof = models
    found = likeness(source, target)
    assert len(found) == proof.tensors
    noise, signal = found[proof.sqnr_tensor].noise, found[proof.sqnr_tensor].signal
    assert -10 * math.log10(noise / signal) == pytest.approx(proof.sqnr_db, abs=0.01)
    assert min(each.lowest_peak for each in found.values()) == proof.lowest_peak


def test_a_tensor_that_was_kept_must_be_the_same(models):
    overwrite(models[1], "model.embed_tokens.weight", b"\x01\x01", 4)
    with pytest.raises(FleetError, match=r"model\.embed_tokens\.weight is not as in its source"):
        likeness(*models[:2])


@pytest.mark.parametrize("scale", [b"\0\0", b"\x80\x7f", b"\xc0\x7f", b"\x80\xbf"], ids=["zero", "inf", "NaN", "-1"])
def test_a_scale_must_be_a_positive_number(models, scale):
    overwrite(models[1], f"{UP}_scale", scale)
    with pytest.raises(FleetError, match=r"up_proj\.weight: not all of its scales are positive numbers"):
        likeness(*models[:2])


def test_a_tensor_must_not_be_missing(models):
    content = (models[1] / FILE).read_bytes()
    (models[1] / FILE).write_bytes(content.replace(b"lm_head", b"lm_heat"))
    with pytest.raises(FleetError, match=r"lm_head\.weight is missing"):
        likeness(*models[:2])


def test_codes_of_another_row_are_seen(models):
    before = likeness(*models[:2])[UP]
    with StoredTensors(models[1]) as stored:
        overwrite(models[1], UP, stored.rows(UP, 1, 2).tobytes())
    assert likeness(*models[:2])[UP].noise > 2 * before.noise


def test_what_no_library_reads_any_more_may_be_missing(models):
    source, target, _proof = models
    buffers = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones((4, 1), np.float32)}
    (source / "buffers.safetensors").write_bytes(safetensors(buffers))
    assert len(likeness(source, target)) == 7


def test_a_head_may_be_missing_where_it_is_the_embedding(models, tmp_path):
    source = models[0]
    (tmp_path / "tied").mkdir()
    for name, content in repository(weights(tied=True)).items():
        (tmp_path / "tied" / name).write_bytes(content)
    quantize_folder(tmp_path / "tied", tmp_path / "without")
    with pytest.raises(FleetError, match=r"lm_head\.weight is missing"):
        likeness(source, tmp_path / "without")
    (source / "config.json").write_text(json.dumps({"tie_word_embeddings": True}))
    assert len(likeness(source, tmp_path / "without")) == 7
