# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model that is quantized on its way: from the hub or a cache into the store, and from there into a host's cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts import push
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.publish import Publisher
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from ansible_collections.inference.fleet.plugins.module_utils.quantize import proof
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import GUESS
from tests.quantize_folder import quantize_folder

from ..checkpoints import repository, weights
from .programs import DOWNLOAD, PUBLISH, Program
from .proxy import Fault
from .repository import TINY, commit_of, lay, tree

FILES = repository(weights(layers=2), shards=2)
SHARDS = [path for path in FILES if path.endswith(".safetensors")]
COMMIT = commit_of(FILES)
SOURCE = replace(TINY, revision=COMMIT)
QUANTIZED = replace(SOURCE, repo_id="org/tiny-fp8_dynamic", quantization="fp8_dynamic")
KEY = f"models/tiny/{COMMIT[:7]}-fp8_dynamic/org--tiny-fp8_dynamic.tar"
MANIFEST = f"{KEY}.manifest.json"
MODEL = {"repo_id": "org/tiny", "revision": COMMIT, "family": "tiny", "quantization": "fp8_dynamic"}
SIZE = sum(map(len, FILES.values()))  # bytes


@pytest.fixture(autouse=True)
def repository_at_the_hub(tmp_path):
    lay(tmp_path / "hub" / "org" / "tiny", FILES)
    return tmp_path / "hub" / "org" / "tiny"


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """The files as they come from one folder into another."""
    folder = tmp_path_factory.mktemp("folders")
    lay(folder / "source", FILES)
    quantize_folder(folder / "source", folder / "target")
    return tree(folder / "target")


def test_it_comes_through_the_store_as_it_is_made_from_a_folder(publish, fetch, keys, content, wanted):
    (published,), errors = publish(QUANTIZED)
    assert errors == []
    assert (published.repo_id, published.key) == ("org/tiny-fp8_dynamic", KEY)
    assert sorted(keys()) == sorted([KEY, MANIFEST])
    (found,), _missing, _errors = fetch(QUANTIZED)
    assert tree(found["path"]) == wanted
    assert "models--org--tiny-fp8_dynamic" in found["path"]
    said = json.loads(content(MANIFEST))["quantization"]
    assert said["source"]["files"][SHARDS[0]] == hashlib.sha256(FILES[SHARDS[0]]).hexdigest()
    assert (said["scheme"], said["ignored"], said["proof"]["tensors"]) == ("fp8_dynamic", ["lm_head"], 14)
    assert said["proof"]["sqnr_db"] > 31


def test_the_source_is_read_once(publish, hub):
    publish(QUANTIZED)
    read = sum(exchange.moved for exchange in hub.asked("GET", "/resolve/"))
    assert read <= SIZE + len(SHARDS) * GUESS + 4000, "but for headers, small files, and rows that two pieces share"


def test_what_is_there_is_not_made_again(publish, hub):
    publish(QUANTIZED)
    hub.exchanges.clear()
    (again,), errors = publish(QUANTIZED)
    assert (again.changed, errors, hub.exchanges) == (False, [], [])


def test_both_may_be_there(publish, keys):
    results, errors = publish(SOURCE, QUANTIZED)
    assert errors == []
    assert {result.key for result in results} == {KEY, f"models/tiny/{COMMIT[:7]}/org--tiny.tar"}
    assert len(keys()) == 4


def test_check_mode_predicts_its_size_from_headers_alone(publish, keys):
    (predicted,), _errors = publish(QUANTIZED, check_mode=True)
    assert keys() == []
    assert publish(QUANTIZED)[0][0] == predicted


@pytest.mark.parametrize("quantized_before", [False, True], ids=["source in the cache", "made in the cache"])
def test_it_is_made_of_what_a_cache_has_without_a_hub(
    publish, download, hub, store, content, tmp_path, quantized_before
):
    publish(QUANTIZED)
    from_the_hub = content(KEY), content(MANIFEST)
    for key in (KEY, MANIFEST):
        store.delete(key)
    download(*([SOURCE, QUANTIZED] if quantized_before else [SOURCE]), cache=tmp_path / "cache")
    hub.exchanges.clear()
    publisher = Publisher(store, None, cache=tmp_path / "cache", progress=Progress(None), check_mode=False)
    assert publisher.publish([QUANTIZED])[1] == []
    assert (content(KEY), content(MANIFEST)) == from_the_hub
    assert hub.exchanges == []


def test_a_branch_is_followed(publish, repository_at_the_hub):
    branch = replace(QUANTIZED, revision="main")
    assert publish(branch)[0][0].commit == COMMIT
    lay(repository_at_the_hub, {"tokenizer.json": b"{ }"})
    (later,), errors = publish(branch)
    assert errors == []
    assert later.commit != COMMIT
    assert later.changed


def test_whether_the_hub_has_another_is_seen_by_what_it_was_made_of(publish, store, hub, repository_at_the_hub):
    branch = replace(QUANTIZED, revision="main")
    publish(branch)
    assert look(store, [branch], hub=Hub(hub.url, ""))[0][0]["current"] is True
    lay(repository_at_the_hub, {"tokenizer.json": b"{ }"})
    assert look(store, [branch], hub=Hub(hub.url, ""))[0][0]["current"] is False


def test_wrong_bytes_from_the_hub_are_never_published(publish, hub, keys):
    hub.faults.append(Fault("GET", SHARDS[0], "spoil", spared=1))
    found, (error,) = publish(QUANTIZED)
    assert found == []
    assert f"{SHARDS[0]}, as it was read, is not what it should be" in str(error) or "has NaN or infinite" in str(error)
    assert keys() == []
    hub.faults.clear()
    assert publish(QUANTIZED)[1] == []


def test_wrong_bytes_from_the_hub_never_reach_a_cache(download, hub, tmp_path, wanted):
    hub.faults.append(Fault("GET", SHARDS[0], "spoil", spared=1))
    found, (error,) = download(QUANTIZED)
    assert found == []
    assert f"{SHARDS[0]}, as it was read, is not what it should be" in str(error) or "has NaN or infinite" in str(error)
    assert not [*tmp_path.glob("cache/*/blobs/fp8_dynamic-*")]
    hub.faults.clear()
    (found,), errors = download(QUANTIZED)
    assert errors == []
    assert tree(found.path) == wanted


def test_parts_that_an_ended_run_made_of_wrong_bytes_are_never_published(publish, hub, keys, wire, monkeypatch):
    with monkeypatch.context() as unseen:
        unseen.setattr(push.Digests, "_conclude", lambda *_call: False)  # it ends before it knows
        hub.faults.append(Fault("GET", SHARDS[0], "spoil", spared=1))
        wire.faults.append(Fault("POST", "uploadId=", "reset", times=100))
        publish(QUANTIZED)
    hub.faults.clear()
    wire.faults.clear()
    found, (error,) = publish(QUANTIZED)
    assert found == []
    assert f"{SHARDS[0]}, as it was read, was not always the same" in str(error)
    assert keys() == []
    assert publish(QUANTIZED)[1] == []


def test_what_has_changed_in_a_cache_is_never_published(download, store, keys, tmp_path):
    download(QUANTIZED, cache=tmp_path / "cache")
    blob = next(tmp_path.glob("cache/*/blobs/fp8_dynamic-*"))
    body = bytearray(blob.read_bytes())
    body[-1000] ^= 1
    blob.write_bytes(body)
    publisher = Publisher(store, None, cache=tmp_path / "cache", progress=Progress(None), check_mode=False)
    found, (error,) = publisher.publish([QUANTIZED])
    assert found == []
    assert "as it was read, is not what it should be" in str(error)
    assert keys() == []


def test_killed_at_any_moment_the_publication_is_the_same(hub, wire, settings, keys, content, publish, store):
    parameters = {"model": MODEL, "hub": hub.url, "store": asdict(settings)}
    Program(PUBLISH, parameters).run_killed([hub, wire], SIZE // 2, seed=int(COMMIT[:4], 16))
    assert sorted(keys()) == sorted([KEY, MANIFEST])
    made = content(KEY), content(MANIFEST)
    for key in (KEY, MANIFEST):
        store.delete(key)
    assert publish(QUANTIZED)[1] == []
    assert (content(KEY), content(MANIFEST)) == made


def test_killed_at_any_moment_the_snapshot_is_the_same(hub, tmp_path, wanted):
    program = Program(DOWNLOAD, {"model": MODEL, "hub": hub.url, "cache": str(tmp_path / "cache")})
    program.run_killed([hub], SIZE // 2, seed=int(COMMIT[:4], 16))
    folder = tmp_path / "cache" / "models--org--tiny-fp8_dynamic"
    assert tree(folder / "snapshots" / COMMIT) == wanted
    assert not [path for pattern in ("*.partial", "*.pieces", "*.staging") for path in folder.rglob(pattern)]


def test_a_model_that_comes_out_badly_is_not_published(publish, keys, monkeypatch):
    monkeypatch.setitem(proof.LIMITS, "fp8_dynamic", proof.Limits(40.0, 0.03, 416.0))
    found, (error,) = publish(QUANTIZED)
    assert found == []
    assert "dB from its source, which must be at least 40.0 dB" in str(error)
    assert keys() == []
