# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's configuration and headers are read from hub, store, cache or folder: the same, and kilobytes."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.publish import Publisher
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.base import Settings
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.open import open_store
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.fit.source import Sources, describe, describe_folder
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import GUESS

from ..checkpoints import repository as checkpoint
from ..checkpoints import weights
from .repository import lay

CONFIG = Path("tests/unit/fit/shapes/llama-mha/config.json").read_bytes()
ROWS = 40_000
LLAMA = Artifact("org/llama", "main", family="llama", formats=("safetensors",))


def safetensors(**shapes):
    """A file of bf16 zeros."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, (rows, columns) in shapes.items():
        header[name] = {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [end, end + 2 * rows * columns]}
        end += 2 * rows * columns
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + bytes(end)


FILES = {
    "config.json": CONFIG,
    "model-1.safetensors": safetensors(a=(ROWS, 64), b=(1, 2)),
    "model-2.safetensors": safetensors(**{f"layer.{n}": (2, 2) for n in range(2000)}),  # its header ends beyond a guess
    "pytorch_model.bin": b"the same once more",
}


@pytest.fixture(autouse=True)
def repository(tmp_path):
    """The folder of org/llama at the hub."""
    lay(tmp_path / "hub" / "org" / "llama", FILES)
    return tmp_path / "hub" / "org" / "llama"


def is_right(found):
    sizes = {tensor.name: tensor.size for tensor in found.tensors}
    return len(sizes) == 2002 and sizes["a"] == 2 * ROWS * 64 and found.config.architecture == "LlamaForCausalLM"


def test_from_the_hub_only_headers_are_read(hub, monkeypatch):
    read = []
    reader = Hub.reader

    def counted(self, artifact, commit):
        plain = reader(self, artifact, commit)

        def run(file, start, view):
            read.append(len(view))
            plain(file, start, view)

        return run

    monkeypatch.setattr(Hub, "reader", counted)
    assert is_right(describe(LLAMA, Sources(hub=Hub(hub.url, ""))))
    assert len(FILES["model-2.safetensors"]) > 2 * GUESS
    assert sum(read) < 400_000 < sum(map(len, FILES.values()))


@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_from_the_store_headers_are_read_where_they_lie_in_the_tar(kind, hub, publish_llama):
    store = publish_llama(kind)
    hub.standin.shutdown()
    assert is_right(describe(LLAMA, Sources(store=store)))


@pytest.fixture
def publish_llama(hub, settings, tmp_path):
    def run(kind):
        given = settings if kind == "s3" else Settings(bucket="models", endpoint=(tmp_path / "a store").as_uri())
        store = open_store(given)
        publisher = Publisher(store, Hub(hub.url, ""), progress=Progress(None), check_mode=False)
        _published, errors = publisher.publish([LLAMA])
        assert not errors
        return store

    return run


def test_a_store_that_cannot_be_read_leaves_the_hub(hub, settings):
    store = open_store(replace(settings, endpoint="http://127.0.0.1:9"))
    assert is_right(describe(LLAMA, Sources(store=store, hub=Hub(hub.url, ""))))
    with pytest.raises(FleetError):
        describe(LLAMA, Sources(store=store))


def test_from_a_cache_and_from_a_folder(download, tmp_path):
    models, errors = download(LLAMA)
    assert not errors
    assert is_right(describe(LLAMA, Sources(cache=tmp_path / "cache")))
    assert is_right(describe_folder(Path(models[0].path), "it"))


def test_what_no_place_has_is_said(hub, tmp_path):
    with pytest.raises(FleetError, match="in none of the places"):
        describe(LLAMA, Sources(cache=tmp_path))
    with pytest.raises(FleetError, match="no such repository"):
        describe(replace(LLAMA, repo_id="org/none"), Sources(hub=Hub(hub.url, "")))


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("config.json", b"{", "it is not JSON"),
        ("config.json", b"{}", "it has no 'hidden_size'"),
        ("model-1.safetensors", b"\xff" * 100, "it says that it has"),
        ("model-1.safetensors", b"\x01", "it is no safetensors header"),
        ("model-1.safetensors", struct.pack("<Q", 2) + b"[]", "it is no safetensors header"),
    ],
)
def test_what_is_damaged_is_named(path, body, said, repository):
    (repository / path).write_bytes(body)
    with pytest.raises(FleetError, match=said):
        describe_folder(repository, "it")


def test_what_quantization_will_make_is_predicted_from_the_sources_headers(hub, tmp_path):
    config = {**json.loads(CONFIG), "tie_word_embeddings": False}
    files = {**checkpoint(weights()), "config.json": json.dumps(config).encode()}
    lay(tmp_path / "hub" / "org" / "small", files)
    quantized = Artifact("org/small-fp8_dynamic", "main", family="small", quantization="fp8_dynamic")
    predicted = describe(quantized, Sources(hub=Hub(hub.url, "")))
    assert {tensor.dtype for tensor in predicted.tensors} == {"BF16", "F8_E4M3"}
    with pytest.raises(FleetError, match="is known once it is made"):
        describe(replace(quantized, repo_id="org/small-w4a16", quantization="w4a16"), Sources(hub=Hub(hub.url, "")))


def test_a_model_without_safetensors_is_said(tmp_path):
    (tmp_path / "config.json").write_bytes(CONFIG)
    with pytest.raises(FleetError, match="it has no safetensors files"):
        describe_folder(tmp_path, "it")
