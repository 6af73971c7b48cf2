# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model on its way from the hub through the store into a host's cache, over real servers."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.publish import Publisher
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress

from .repository import BRANCH, COMMIT, KEY, LATER, LATER_FILES, SIZE, TINY, WANTED, lay, tree

MANIFEST = f"{KEY}.manifest.json"

pytestmark = pytest.mark.usefixtures("repository")


def test_the_tar_is_laid_out_as_documented(published, content):
    assert (published.key, published.commit, published.changed) == (KEY, COMMIT, True)
    body = content(KEY)
    assert published.size == len(body)
    model = "org--tiny/models--org--tiny"
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        names = tar.getnames()
        assert tar.extractfile("org--tiny/version.txt").read() == b"1"
        assert tar.extractfile(f"{model}/refs/main").read().decode() == COMMIT
        for path, wanted in WANTED.items():
            member = tar.getmember(f"{model}/snapshots/{COMMIT}/{path}")
            assert member.issym()
            assert member.linkname.startswith("../" * (2 + path.count("/")) + "blobs/")
            assert tar.extractfile(member).read() == wanted
    assert not [name for name in names if name.endswith(".bin")], "one format of the weights is enough"
    assert {name.split("/")[0] for name in names} == {"org--tiny"}


@pytest.mark.usefixtures("published")
def test_the_manifest_says_where_every_file_lies(content):
    manifest, body = json.loads(content(MANIFEST)), content(KEY)
    assert {file["path"] for file in manifest["files"]} == set(WANTED)
    for file in manifest["files"]:
        piece = body[file["offset"] : file["offset"] + file["size"]]
        assert piece == WANTED[file["path"]]
        assert file["sha256"] == hashlib.sha256(piece).hexdigest()


@pytest.mark.usefixtures("published")
def test_what_is_published_is_not_asked_of_the_hub_again(publish, hub):
    hub.exchanges.clear()
    (again,), errors = publish(TINY)
    assert (again.changed, again.key, errors, hub.exchanges) == (False, KEY, [], [])


@pytest.mark.usefixtures("published")
def test_a_tar_without_manifest_or_of_another_size_is_published_again(publish, client, settings):
    client.delete_object(Bucket=settings.bucket, Key=MANIFEST)
    assert publish(TINY)[0][0].changed
    client.put_object(Bucket=settings.bucket, Key=KEY, Body=b"half")
    assert publish(TINY)[0][0].changed
    assert not publish(TINY)[0][0].changed


def test_check_mode_predicts_and_transfers_nothing(publish, hub, keys):
    (predicted,), _errors = publish(TINY, check_mode=True)
    assert predicted.changed
    assert keys() == []
    assert not hub.asked("GET", "/resolve/")
    assert publish(TINY)[0][0] == predicted


def test_a_branch_is_resolved_reported_and_followed(publish, repository, fetch, store):
    assert [model.commit for model in publish(BRANCH)[0]] == [COMMIT]
    assert not publish(BRANCH)[0][0].changed
    assert fetch(BRANCH)[0][0]["commit"] == COMMIT
    lay(repository, LATER_FILES)
    (moved,), _errors = publish(BRANCH)
    assert (moved.commit, moved.changed) == (LATER, True)
    assert look(store, [BRANCH])[0][0]["commit"] == LATER


@pytest.mark.usefixtures("published")
def test_a_host_gets_what_the_hub_has_and_a_second_time_asks_nobody(fetch, wire, tmp_path):
    (found,), missing, errors = fetch(TINY)
    assert (missing, errors) == ([], [])
    assert found["changed"]
    snapshot = tmp_path / "cache" / "models--org--tiny" / "snapshots" / COMMIT
    assert found["path"] == str(snapshot)
    assert tree(snapshot) == WANTED
    assert all(path.is_symlink() for path in snapshot.rglob("*") if path.is_file())
    wire.exchanges.clear()
    (again,), missing, errors = fetch(TINY, sources=[])
    assert (again["changed"], again["bytes_read"], missing, errors, wire.exchanges) == (False, 0, [], [], [])


@pytest.mark.usefixtures("published")
def test_what_is_served_survives_a_failed_fetch_of_another_revision(
    publish, fetch, repository, store, client, settings
):
    (served,), _missing, _errors = fetch(TINY)
    lay(repository, LATER_FILES)
    later = replace(TINY, revision=LATER)
    publish(later)
    _models, (source,), _errors = look(store, [later], presign=60)
    client.delete_object(Bucket=settings.bucket, Key=source["key"])
    found, missing, (error,) = fetch(TINY, later, sources=[source])
    assert [item["path"] for item in found] == [served["path"]]
    assert missing == [later]
    assert str(error).endswith("Publish the model first (playbooks/publish.yml).")


@pytest.mark.usefixtures("published")
def test_a_second_revision_reads_only_what_differs(publish, fetch, repository):
    fetch(TINY)
    lay(repository, LATER_FILES)
    later = replace(TINY, revision=LATER)
    publish(later)
    (found,), _missing, errors = fetch(later)
    assert errors == []
    assert found["bytes_read"] == len(LATER_FILES["config.json"])
    assert tree(found["path"])["config.json"] == LATER_FILES["config.json"]


@pytest.mark.usefixtures("published")
def test_no_hub_is_needed_for_what_is_there(store):
    nowhere = Hub("http://127.0.0.1:9", "")
    publisher = Publisher(store, nowhere, progress=Progress(None), check_mode=False)
    (again,), errors = publisher.publish([TINY])
    assert (again.changed, errors) == (False, [])


def test_files_come_and_go_over_several_connections_at_once(publish, fetch, hub, wire):
    hub.rate = wire.rate = 1_000_000
    assert publish(TINY)[1] == []
    assert fetch(TINY)[2] == []
    for passed in (
        hub.asked("GET", "model-3.safetensors"),
        wire.asked("PUT", "partNumber="),
        wire.asked("GET", f"{KEY}?"),
    ):
        assert sum(exchange.moved for exchange in passed) >= SIZE // 4
        assert most_at_once(passed) > 1


def most_at_once(exchanges):
    return max(sum(other.began <= each.began < other.ended for other in exchanges) for each in exchanges)
