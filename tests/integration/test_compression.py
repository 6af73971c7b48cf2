# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed tars: ordinary files to everybody's tools, and read by hosts in frames."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest
import zstandard

from ansible_collections.inference.fleet.plugins.module_utils.artifacts import push
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.fetch import fill
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.publish import Publisher
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.open import open_store
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress

FILES = {
    "config.json": b"{}\n",
    "model-1.safetensors": hashlib.shake_256(b"one").digest(13_000_001),
    "model-2.safetensors": bytes(23_000_000),  # shrinks below the least part that S3 takes
}
TINY = Artifact("org/tiny", "main", family="tiny", name="tiny")


def plain(body, compression):
    """What other tools make of it."""
    if compression == "gzip":
        return gzip.decompress(body)
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(body), read_across_frames=True).read()


@pytest.fixture
def compressed(hub, settings, tmp_path, monkeypatch):
    """A function that opens a store of the given compression, with parts small enough that there are some."""
    monkeypatch.setattr(push, "MIN_PART", 6_000_000)
    folder = tmp_path / "hub" / "org" / "tiny"
    folder.mkdir(parents=True)
    for name, body in FILES.items():
        (folder / name).write_bytes(body)
    assert hub.url
    return lambda compression: open_store(replace(settings, compression=compression))


@pytest.fixture
def publish(hub):
    return lambda store: Publisher(store, Hub(hub.url, ""), progress=Progress(None), check_mode=False).publish([TINY])


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_a_host_reads_it_in_frames_and_everybody_as_a_whole(compressed, publish, client, compression, tmp_path):
    store = compressed(compression)
    (published,), errors = publish(store)
    assert errors == []
    assert published.key.endswith({"zstd": ".tar.zst", "gzip": ".tar.gz"}[compression])
    body = client.get_object(Bucket=store.settings.bucket, Key=published.key)["Body"].read()
    assert len(body) < published.size or compression == "gzip"
    with tarfile.open(fileobj=io.BytesIO(plain(body, compression))) as tar:
        for path, wanted in FILES.items():
            name = f"org--tiny/models--org--tiny/snapshots/{published.commit}/{path}"
            assert tar.extractfile(name).read() == wanted
    _models, sources, errors = look(store, [TINY], presign=60)
    (found,), _missing, fetch_errors = fill(tmp_path / "cache", [TINY], sources, Progress(None), check_mode=False)
    assert errors == fetch_errors == []
    assert {path: (tmp_path / found["path"] / path).read_bytes() for path in FILES} == FILES
    assert not publish(store)[0][0].changed


def test_a_damaged_frame_is_named(compressed, publish, client, tmp_path):
    store = compressed("zstd")
    (published,), _errors = publish(store)
    body = bytearray(client.get_object(Bucket=store.settings.bucket, Key=published.key)["Body"].read())
    body[3_000_000] ^= 1
    client.put_object(Bucket=store.settings.bucket, Key=published.key, Body=bytes(body))
    _models, sources, _errors = look(store, [TINY], presign=60)
    found, missing, (error,) = fill(tmp_path / "cache", [TINY], sources, Progress(None), check_mode=False)
    assert (found, missing) == ([], [TINY])
    assert published.key in str(error)
    assert "publish the model again" in str(error)


def test_a_manifest_with_other_frames_is_refused(compressed, publish, client):
    store = compressed("zstd")
    (published,), _errors = publish(store)
    key = f"{published.key}.manifest.json"
    manifest = json.loads(client.get_object(Bucket=store.settings.bucket, Key=key)["Body"].read())
    client.put_object(Bucket=store.settings.bucket, Key=key, Body=json.dumps({**manifest, "frames": [5]}).encode())
    _models, _sources, (error,) = look(store, [TINY], presign=60)
    assert "its frames are not those of its tar" in str(error)
