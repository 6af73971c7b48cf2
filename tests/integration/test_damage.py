# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong bytes, wherever they come from: refused, named, and nothing of them stays."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import time

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.fetch import fill
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress

from .conftest import PIECE
from .proxy import Fault
from .repository import COMMIT, FILES, KEY, TINY, WANTED, WEIGHTS, tree

MANIFEST = f"{KEY}.manifest.json"
SHARDS = [path for path in WANTED if path.endswith(".safetensors")]
HEADER = 512  # bytes of a tar's header

pytestmark = pytest.mark.usefixtures("repository")


def test_wrong_bytes_from_the_hub_are_never_published(publish, hub, wire, keys, client, settings, content):
    first, second, _third = sorted(SHARDS, key=lambda path: hashlib.sha256(WANTED[path]).digest())  # as in the tar
    hub.faults.append(Fault("GET", first, "spoil"))
    # Parts that are on their way while the upload is being aborted do not change what is said.
    hub.faults.append(Fault("GET", second, "pass", times=8, spared=1, action=lambda: time.sleep(0.2)))
    wire.faults.append(Fault("DELETE", "uploadId=", "pass", action=lambda: time.sleep(0.5)))
    found, (error,) = publish(TINY)
    assert found == []
    assert f"{first}, as it was read, is not what it should be" in str(error)
    assert "Nothing was published" in str(error)
    assert keys() == []
    assert not client.list_multipart_uploads(Bucket=settings.bucket).get("Uploads")
    hub.faults.clear()
    assert publish(TINY)[1] == [], "and the next run does not take the bad parts up"
    assert WANTED[first] in content(KEY)


def test_a_hub_that_is_wrong_once_does_not_matter_to_a_download(download, hub):
    hub.faults.append(Fault("GET", "model-2.safetensors", "spoil", spared=2))
    (found,), errors = download(TINY)
    assert errors == []
    assert tree(found.path) == WANTED
    assert found.bytes_read > sum(map(len, WEIGHTS))


def test_a_hub_that_is_wrong_twice_is_named_and_nothing_appears(download, hub, tmp_path):
    fault = Fault("GET", "model-2.safetensors", "spoil", times=100)
    hub.faults.append(fault)
    found, (error,) = download(TINY)
    assert found == []
    assert "model-2.safetensors, as it was read, is not what it should be (its hash differs)" in str(error)
    assert not [*tmp_path.rglob("snapshots")]
    hub.faults.clear()
    (found,), errors = download(TINY)
    assert errors == []
    assert tree(found.path) == WANTED
    assert found.bytes_read == len(WEIGHTS[1]), "what was right is not read again"


@pytest.mark.usefixtures("published")
def test_a_store_that_is_wrong_once_does_not_matter(fetch, wire):
    wire.faults.append(Fault("GET", f"{KEY}?", "spoil", spared=4))
    (found,), _missing, errors = fetch(TINY)
    assert errors == []
    assert tree(found["path"]) == WANTED


@pytest.mark.usefixtures("published")
def test_wrong_bytes_in_the_store_are_read_once_more_and_named(fetch, client, settings, content, wire, tmp_path):
    body = bytearray(content(KEY))
    body[body.find(WEIGHTS[1]) + 5] ^= 1
    client.put_object(Bucket=settings.bucket, Key=KEY, Body=bytes(body))
    wire.exchanges.clear()
    found, missing, (error,) = fetch(TINY)
    assert (found, missing) == ([], [TINY])
    assert "model-2.safetensors as read from" in str(error)
    assert "its sha256 differs, twice" in str(error)
    assert "X-Amz" not in str(error)
    assert not (tmp_path / "cache" / "models--org--tiny" / "snapshots").exists()
    moved = sum(exchange.moved for exchange in wire.asked("GET", f"{KEY}?"))
    assert moved <= len(body) + len(WEIGHTS[1]), "only the wrong file is read again"


def tamper(client, settings, number, size):
    """Put other bytes in the place of a part of the upload that an ended publisher has left."""
    (upload,) = client.list_multipart_uploads(Bucket=settings.bucket)["Uploads"]
    there = {"Bucket": settings.bucket, "Key": KEY, "UploadId": upload["UploadId"]}
    assert number in [part["PartNumber"] for part in client.list_parts(**there)["Parts"]]
    client.upload_part(**there, PartNumber=number, Body=os.urandom(size))


def test_a_part_that_others_have_changed_is_found_when_it_is_read_back(
    publish, hub, wire, client, settings, keys, content
):
    hub.faults.append(Fault("GET", "model-3.safetensors", "answer", status=401, times=100))
    assert len(publish(TINY)[1]) == 1
    tamper(client, settings, 2, PIECE)
    hub.faults.clear()
    found, (error,) = publish(TINY)
    assert found == []
    assert "as the store has it, is not what it should be (its hash differs)" in str(error)
    assert "Nothing was published" in str(error)
    assert keys() == []
    wire.exchanges.clear()
    assert publish(TINY)[1] == []
    assert len(wire.asked("PUT", "partNumber=")) == -(-len(content(KEY)) // PIECE)


def test_a_tar_changed_between_its_completion_and_its_manifest_is_found(publish, wire, client, settings, keys, content):
    wire.faults.append(Fault("PUT", MANIFEST, "answer", status=403))
    assert len(publish(TINY)[1]) == 1
    body = bytearray(content(KEY))
    body[body.find(WEIGHTS[2])] ^= 1
    metadata = client.head_object(Bucket=settings.bucket, Key=KEY)["Metadata"]
    client.put_object(Bucket=settings.bucket, Key=KEY, Body=bytes(body), Metadata=metadata)
    found, (error,) = publish(TINY)
    assert found == []
    assert "model-3.safetensors, as the store has it, is not what it should be" in str(error)
    assert keys() == []


@pytest.mark.usefixtures("published")
def test_a_hostile_member_of_the_tar_changes_nothing(fetch, client, settings, content, tmp_path):
    body = content(KEY)
    hostile = tarfile.TarInfo("../../../hostile")
    hostile.type, hostile.linkname = tarfile.SYMTYPE, str(tmp_path)
    assert len(hostile.tobuf(tarfile.PAX_FORMAT)) == HEADER
    client.put_object(Bucket=settings.bucket, Key=KEY, Body=hostile.tobuf(tarfile.PAX_FORMAT) + body[HEADER:])
    (found,), _missing, errors = fetch(TINY)
    assert errors == []
    assert tree(found["path"]) == WANTED
    assert not [*tmp_path.rglob("hostile")]


@pytest.mark.parametrize(
    "change", [{"path": "../../../etc/passwd"}, {"path": "/etc/passwd"}, {"blob": "../../x"}, {"offset": 1 << 40}]
)
@pytest.mark.usefixtures("published")
def test_a_tampered_manifest_is_refused_by_publisher_and_host(store, fetch, client, settings, content, change):
    _models, (source,), _errors = look(store, [TINY], presign=60)
    manifest = json.loads(content(MANIFEST))
    manifest["files"][0].update(change)
    client.put_object(Bucket=settings.bucket, Key=MANIFEST, Body=json.dumps(manifest))
    assert "Somebody tampered with the store" in str(look(store, [TINY], presign=60)[2][0])
    assert "Somebody tampered with the store" in str(fetch(TINY, sources=[{**source, "manifest": manifest}])[2][0])


@pytest.mark.parametrize("harm", ["truncated", "removed", "link removed", "record removed"])
@pytest.mark.usefixtures("published")
def test_a_damaged_snapshot_is_seen_and_only_the_damage_is_read_again(harm, fetch, tmp_path):
    (found,), _missing, _errors = fetch(TINY)
    snapshot = tmp_path / found["path"]
    if harm == "truncated":
        os.truncate(snapshot / "config.json", 1)
    elif harm == "removed":
        (snapshot / "config.json").resolve().unlink()
    elif harm == "link removed":
        (snapshot / "config.json").unlink()
    else:
        (snapshot.parents[1] / "manifests" / f"{COMMIT}.json").unlink()
    _found, missing, errors = fill(tmp_path / "cache", [TINY], [], Progress(None), check_mode=True)
    assert (missing, errors) == ([TINY], [])
    (found,), missing, errors = fetch(TINY)
    assert (found["changed"], missing, errors) == (True, [], [])
    assert found["bytes_read"] <= len(FILES["config.json"])
    assert tree(snapshot) == WANTED
