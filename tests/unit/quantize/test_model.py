# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A quantized model as files: the same bytes however they are read, its index, its configuration, and refusals."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import numpy as np
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.layout import RemoteFile
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.digests import Digests
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize.model import QuantizedModel
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import read_header

from ...checkpoints import INDEX, repository, safetensors, weights


class Read:
    """A model made of ``files``, what was read of them, and what it reads as."""

    def __init__(self, files):
        listed = [RemoteFile(path, hashlib.sha256(body).hexdigest(), len(body)) for path, body in files.items()]
        self.files = files
        self.asked = []
        self.model = QuantizedModel(listed, self._read, "m")
        self.digests = Digests({file.blob: file.size for file in self.model.sources})

    def _read(self, file, start, view):
        self.asked.append((file.path, start, len(view)))
        view[:] = self.files[file.path][start : start + len(view)]

    def whole(self, size=1 << 30):
        read = self.model.reader(self.digests)
        found = {}
        for file in self.model.files:
            found[file.path] = bytearray(file.size)
            for start in range(0, file.size, size):
                read(file, start, memoryview(found[file.path])[start : start + size])
        return {path: bytes(body) for path, body in found.items()}


def tensors_in(body):
    def read(start, view):
        view[:] = body[start : start + len(view)]

    found = read_header(read, len(body)).tensors
    return {tensor.name: (tensor, body[tensor.start : tensor.start + tensor.size]) for tensor in found}


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_it_reads_the_same_in_pieces_of_any_size(dtype):
    files = repository(weights(), dtype=dtype)
    at_once = Read(files).whole()
    for size in (61, 64, 1000, 4096):
        model = Read(files)
        assert model.whole(size) == at_once
        assert model.digests.damaged == set()
        assert model.model.prove(model.digests.sha256).tensors == 7


def test_pieces_that_are_read_in_any_order_are_the_same():
    files = repository(weights())
    at_once = Read(files).whole()["model.safetensors"]
    model = Read(files).model
    file = next(file for file in model.files if file.path == "model.safetensors")
    starts = np.random.default_rng(0).permutation(range(0, file.size, 777)).tolist()
    found = bytearray(file.size)
    for start in starts:
        model.reader()(file, start, memoryview(found)[start : start + 777])
    assert found == at_once


def peak_of(shards):
    """Bytes that reading the files of a model takes at most, one after the other."""
    model = Read(repository(weights(layers=4), shards=shards)).model
    tracemalloc.start()
    for file in model.files:
        model.reader()(file, 0, memoryview(bytearray(file.size)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_more_files_take_no_more_memory():
    assert peak_of(shards=8) < 1.2 * peak_of(shards=1)


def test_the_source_is_read_in_one_request_for_each_piece():
    model = Read(repository(weights()))
    model.asked.clear()
    model.whole(4096)
    sizes = {file.path: file.size for file in model.model.files}
    read = [start for path, start, size in model.asked if path == "model.safetensors" and size]
    assert len(read) <= -(-sizes["model.safetensors"] // 4096)
    assert read == sorted(read)


def test_what_is_not_quantized_stays_byte_for_byte_and_scales_stand_beside_the_rest():
    files = repository(weights(experts=2))
    before, after = tensors_in(files["model.safetensors"]), tensors_in(Read(files).whole()["model.safetensors"])
    quantized = {name for name in before if name.endswith("_proj.weight")}
    assert after.keys() == before.keys() | {f"{name}_scale" for name in quantized}
    for name, (tensor, content) in before.items():
        if name in quantized:
            assert (after[name][0].dtype, after[name][0].shape) == ("F8_E4M3", tensor.shape)
            assert after[f"{name}_scale"][0].dtype == "BF16"
            assert after[f"{name}_scale"][0].shape == (tensor.shape[0], 1)
        else:
            assert after[name][1] == content


def test_the_index_lists_the_scales_and_the_new_size():
    files = repository(weights(layers=2), shards=3)
    made = Read(files).whole()
    index = json.loads(made[INDEX])
    held = {name: path for path, body in made.items() if path.endswith(".safetensors") for name in tensors_in(body)}
    assert index["weight_map"] == held
    sizes = [
        len(content)
        for path, body in made.items()
        if path in held.values()
        for _t, content in tensors_in(body).values()
    ]
    assert index["metadata"]["total_size"] == sum(sizes)


def test_the_configuration_keeps_what_it_said():
    files = repository(weights())
    config = json.loads(Read(files).whole()["config.json"])
    said = config.pop("quantization_config")
    assert config == json.loads(files["config.json"])
    assert (said["quant_method"], said["format"], said["ignore"]) == (
        "compressed-tensors",
        "float-quantized",
        ["lm_head"],
    )


def test_blobs_are_named_by_what_they_are_made_of():
    one, same = Read(repository(weights())).model, Read(repository(weights())).model
    other = Read(repository({**weights(), "lm_head.weight": weights()["model.embed_tokens.weight"]})).model
    blobs = [
        next(file.blob for file in model.files if file.path == "model.safetensors") for model in (one, same, other)
    ]
    assert blobs[0] == blobs[1] != blobs[2]
    assert blobs[0].startswith("fp8_dynamic-")


def test_a_shard_without_linear_layers_is_passed_on_as_it_is():
    tensors = weights()
    files = {
        **repository({}),
        "a.safetensors": safetensors({name: tensors.pop(name) for name in ("lm_head.weight",)}),
        "b.safetensors": safetensors(tensors),
    }
    del files["model.safetensors"]
    model = Read(files)
    assert [file.path for file in model.model.sources] == ["b.safetensors"]
    assert model.whole()["a.safetensors"] == files["a.safetensors"]


@pytest.mark.parametrize("size", [1 << 30, 5000])
def test_wrong_bytes_of_the_source_are_seen(size):
    files = repository(weights())
    model = Read(files)
    body = bytearray(files["model.safetensors"])
    body[len(body) // 2] ^= 1
    model.files = {**files, "model.safetensors": bytes(body)}
    model.whole(size)
    assert model.digests.damaged == {file.blob for file in model.model.sources}


def test_what_an_earlier_run_made_is_read_again_for_the_proof():
    model = Read(repository(weights()))
    assert model.model.prove({}).tensors == 7
    assert sum(size for path, _start, size in model.asked if path == "model.safetensors") >= len(
        model.files["model.safetensors"]
    )


def refusal(files):
    with pytest.raises(FleetError) as refused:
        Read(files).whole()
    return str(refused.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_tensor_that_holds_no_numbers_is_named(bad):
    tensors = weights()
    tensors["model.layers.0.self_attn.k_proj.weight"][5, 6] = bad
    told = refusal(repository(tensors))
    assert "model.layers.0.self_attn.k_proj.weight in model.safetensors has NaN or infinite weights" in told


def test_a_model_without_safetensors_is_refused_saying_how():
    files = repository(weights())
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    assert "it has no safetensors files. Choose a revision that has them." in refusal(files)


def test_a_tensor_that_the_index_does_not_know_is_named():
    files = repository(weights(), shards=2)
    index = json.loads(files[INDEX])
    del index["weight_map"]["lm_head.weight"]
    files[INDEX] = json.dumps(index).encode()
    assert "says that lm_head.weight is in no file, and it is in model-00002-of-00002.safetensors" in refusal(files)


def test_a_shard_that_is_missing_is_named():
    files = repository(weights(), shards=2)
    del files["model-00001-of-00002.safetensors"]
    told = refusal(files)
    assert "is in model-00001-of-00002.safetensors, and it is in none" in told
    assert "it is not whole" in told


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ({"weight_map": {"a": "other.safetensors"}}, f"{INDEX} names none of its files. Choose a revision"),
        ({}, "it does not say where tensors are ('weight_map'). Is the file whole?"),
    ],
)
def test_an_index_of_other_files_is_refused(index, told):
    assert told in refusal({**repository(weights(), shards=2), INDEX: json.dumps(index).encode()})


def test_a_second_set_of_weights_is_left_out():
    """Mistral's repositories have one for its own software. What lies in folders belongs to others."""
    files = repository(weights(layers=2), shards=2)
    second = safetensors({"layers.0.attention.wq.weight": weights()["lm_head.weight"]})
    dense = {"2_Dense/model.safetensors": second}
    names = ("consolidated.safetensors", "consolidated-00001-of-00002.safetensors")
    model = Read({**files, **dict.fromkeys(names, second), **dense})
    assert model.whole() == {**Read(files).whole(), **dense}
    assert not {path for path, _start, _size in model.asked} & set(names)


def test_a_file_that_was_cut_off_is_no_checkpoint():
    files = repository(weights())
    files["model.safetensors"] = files["model.safetensors"][:-100]
    assert "Is the file whole?" in refusal(files)
