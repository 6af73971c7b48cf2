# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schemes that llm-compressor makes in its container, and what is said where it cannot."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize import container, llmcompressor
from ansible_collections.inference.fleet.plugins.module_utils.quantize.likeness import likeness
from ansible_collections.inference.fleet.plugins.module_utils.quantize.llmcompressor import (
    CALIBRATED,
    SCHEMES,
    Options,
    quantize_in_container,
)
from ansible_collections.inference.fleet.plugins.module_utils.quantize.proof import prove
from ansible_collections.inference.fleet.plugins.module_utils.quantize.stored import StoredTensors
from rig.shell import docker

from .models import SPOKEN

FORMATS = {"int8_w8a8": "int-quantized", "w4a16": "pack-quantized"}
MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture
def options(image):
    return Options(image, samples=4, length=128)


@pytest.fixture
def model(references):
    return references / SPOKEN / "source"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


def left(subject):
    """The container that worked on this folder. Others on this engine may have been left by a run that was killed."""
    return docker("ps", "--all", "--quiet", f"--filter=name={container.name_for(subject)}")


def refused(model, target, scheme, options):
    """What is said; nothing must be left."""
    with pytest.raises(FleetError) as raised:
        quantize_in_container(model, target, scheme, options)
    assert not target.exists()
    assert not left(target)
    return str(raised.value)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_is_near_its_source(model, target, options, scheme):
    tools = quantize_in_container(model, target, scheme, options)
    assert tools.versions["llmcompressor"] == "0.14.0.1"
    assert prove(likeness(model, target), SPOKEN, scheme).tensors == 14
    config = json.loads((target / "config.json").read_text())["quantization_config"]
    assert config["format"] == FORMATS.get(scheme, "float-quantized")
    assert config["ignore"] == ["lm_head"]
    assert (config["kv_cache_scheme"] is not None) == (scheme == "fp8_kv")
    with StoredTensors(target) as stored:
        scales = {name.rpartition(".")[2] for name in stored.tensors if name.endswith("_scale")}
    assert scales - {"weight_scale"} == {"fp8_static": {"input_scale"}, "fp8_kv": {"k_scale", "v_scale"}}.get(
        scheme, set()
    )
    assert (target / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()
    assert not left(target)


def test_experts_and_routers(references, target, options):
    source = references / "qwen3-moe-sharded" / "source"
    ignored = ["lm_head", "model.layers.0.mlp.gate", "model.layers.1.mlp.gate"]
    quantize_in_container(source, target, "int8_w8a8", replace(options, ignored=ignored))
    assert prove(likeness(source, target), "m", "int8_w8a8").tensors == 2 * (4 + 4 * 3)


def test_links_of_a_cache_are_followed(model, tmp_path, target, options):
    blobs, snapshot = tmp_path / "cache" / "blobs", tmp_path / "cache" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    shutil.copytree(model, blobs)
    for path in blobs.iterdir():
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")
    quantize_in_container(snapshot, target, "int8_w8a8", options)
    assert len(likeness(snapshot, target)) == 14


def test_data_of_ones_own(model, tmp_path, target, options):
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"messages": MESSAGES}) + "\n" + json.dumps({"prompt": "Why?"}))
    quantize_in_container(model, target, "fp8_static", replace(options, calibration=data))
    assert len(likeness(model, target)) == 14


def test_messages_need_a_template(model, tmp_path, target, options):
    source, data = tmp_path / "source", tmp_path / "data.jsonl"
    shutil.copytree(model, source)
    (source / "chat_template.jinja").unlink()
    data.write_text(json.dumps({"messages": MESSAGES}))
    said = refused(source, target, "fp8_static", replace(options, calibration=data))
    assert "the model has no chat template" in said


def test_text_needs_a_tokenizer(references, target, options):
    said = refused(references / "llama-untied" / "source", target, CALIBRATED[0], options)
    assert "the model's tokenizer cannot be read" in said
    assert "add the tokenizer's files" in said


def test_a_kind_of_model_that_nobody_knows(model, tmp_path, target, options):
    source = tmp_path / "source"
    shutil.copytree(model, source)
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "model_type": "novel"}))
    assert "knows no models of type 'novel'. Use fp8_dynamic" in refused(source, target, "int8_w8a8", options)


def test_names_that_vllm_would_not_find(references, target, options):
    said = refused(references / "mixtral" / "source", target, "int8_w8a8", options)
    assert "renames or splits model.layers.0.block_sparse_moe.experts.0.w1.weight" in said


def test_columns_that_make_no_groups(references, model, tmp_path, target, options):
    source = tmp_path / "source"
    shutil.copytree(references / "llama-untied" / "source", source)
    for path in model.glob("tokenizer*"):
        shutil.copy(path, source)
    said = refused(source, target, "w4a16", options)
    assert "the 344 columns of model.layers.0.mlp.down_proj cannot be divided into groups of 32" in said


def test_rows_that_make_no_blocks(references, target, options):
    said = refused(references / "llama-untied" / "source", target, "fp8_block", options)
    assert "self_attn.k_proj, of 64 rows and 128 columns, cannot be divided into blocks of 128" in said


def test_too_little_memory(model, target, options):
    said = refused(model, target, "int8_w8a8", replace(options, memory="150m"))
    assert "it needed more than 150m. Set quantize_memory higher" in said


def test_no_such_image(model, target, options):
    image = "127.0.0.1:9/none@sha256:" + "0" * 64
    said = refused(model, target, "int8_w8a8", replace(options, image=image))
    assert f"there is no image {image} on this host, and it cannot be pulled" in said


def test_a_scheme_that_is_not_its_business(model, target, options):
    assert "It is for fp8_static, fp8_block" in refused(model, target, "fp8_dynamic", options)


def test_a_target_that_is_there_is_not_touched(model, target, options):
    target.mkdir()
    with pytest.raises(FileExistsError):
        quantize_in_container(model, target, "int8_w8a8", options)
    assert target.exists()


def test_what_a_killed_run_left_does_not_stand_in_the_way(model, tmp_path, options, monkeypatch):
    program = llmcompressor._program(model, tmp_path, options)
    with monkeypatch.context() as killed:
        killed.setattr(container, "end", lambda _subject: None)
        with container._container(program, tmp_path, ""):
            pass
    assert left(tmp_path)
    with container._container(program, tmp_path, ""):
        assert len(left(tmp_path).split()) == 1
    assert not left(tmp_path)
