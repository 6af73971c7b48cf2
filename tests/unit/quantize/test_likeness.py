# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found by comparing the files of a quantized model with those of its source."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize import e4m3
from ansible_collections.inference.fleet.plugins.module_utils.quantize.floats import EPSILON
from ansible_collections.inference.fleet.plugins.module_utils.quantize.likeness import likeness
from ansible_collections.inference.fleet.plugins.module_utils.quantize.oneshot import weights_in
from ansible_collections.inference.fleet.plugins.module_utils.quantize.proof import prove
from ansible_collections.inference.fleet.plugins.module_utils.quantize.stored import StoredTensors
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import Tensor, make_header
from tests.quantize_folder import quantize_folder

from ...checkpoints import repository, safetensors, weights

UP = "model.layers.0.mlp.up_proj.weight"
FILE = "model.safetensors"


def quantized(folder, files):
    """Folders of the model of these files and of its quantized copy, and the proof of that."""
    source = folder / "source"
    source.mkdir()
    for name, content in files.items():
        (source / name).write_bytes(content)
    return source, folder / "target", quantize_folder(source, folder / "target")


@pytest.fixture
def models(tmp_path):
    return quantized(tmp_path, repository(weights()))


def overwrite(folder, name, content, offset=0):
    """Other bytes in a tensor."""
    with StoredTensors(folder) as stored:
        start = stored.tensors[name].start
    with (folder / FILE).open("r+b") as file:
        file.seek(start + offset)
        file.write(content)


def write(folder, tensors):
    """A model of these tensors, each with its type."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    described = [Tensor(name, dtype, values.shape) for name, (dtype, values) in tensors.items()]
    content = b"".join(values.tobytes() for _dtype, values in tensors.values())
    (folder / FILE).write_bytes(make_header(described, {})[0] + content)


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


def test_codes_that_are_too_small_are_seen_where_scales_are_less_than_normal_numbers(tmp_path):
    """The scales are as much too large, so that nothing else tells: the model still says what its source says."""
    small = {name: values * np.float32(0.025) for name, values in weights().items()}
    source, target, proof = quantized(tmp_path, repository(small, dtype="F16"))
    assert proof.lowest_peak >= 416
    with StoredTensors(target) as stored:
        rows = stored.tensors[UP].shape[0]
        codes, scales = stored.rows(UP, 0, rows), stored.rows(f"{UP}_scale", 0, rows).view(np.float16)
    assert (scales * 4).max() < np.finfo(np.float16).smallest_normal
    magnitudes, quarters = np.abs(e4m3.values()[codes]) / 4, np.empty_like(codes)
    e4m3.encode(magnitudes, np.empty(magnitudes.shape, np.uint32), quarters)
    overwrite(target, UP, (quarters | codes & e4m3.SIGN).tobytes())
    overwrite(target, f"{UP}_scale", (scales * 4).tobytes())
    with pytest.raises(FleetError, match=r"up_proj\.weight has a row whose largest code stands for 112"):
        prove(likeness(source, target), "m")


def test_a_second_set_of_weights_is_not_compared(tmp_path):
    files = repository(weights(), shards=2)
    second = safetensors({"layers.0.attention.wq.weight": weights()["lm_head.weight"]})
    source, target, proof = quantized(tmp_path, {**files, "consolidated.safetensors": second})
    assert len(likeness(source, target)) == proof.tensors
    assert {path.name for path in weights_in(source)} == {name for name in files if name.endswith(".safetensors")}
    assert {path.name for path in weights_in(target)} == {path.name for path in target.glob("*.safetensors")}


def test_the_largest_code_of_int8_is_right_however_a_small_scale_is_rounded(tmp_path):
    """As compressed-tensors makes them: a scale that is rounded to 0 becomes EPSILON, so that all codes are 0."""
    exact = 2.0**-24 * np.arange(0.25, 200, 0.25)[:, None]
    content, scales = (127.5 * exact * [1, -0.5]).astype(np.float16), exact.astype(np.float16)
    scales[scales == 0] = EPSILON["F16"]
    codes = np.clip(np.rint(content / scales.astype(np.float32)), -128, 127).astype(np.int8)
    write(tmp_path / "source", {"a.weight": ("F16", content)})
    write(tmp_path / "target", {"a.weight": ("I8", codes), "a.weight_scale": ("F16", scales)})
    assert likeness(tmp_path / "source", tmp_path / "target")["a.weight"].lowest_peak >= 126
