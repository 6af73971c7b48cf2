# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Hugging Face cache beside the publisher: published from, and filled on the way."""

from __future__ import annotations

import shutil

import pytest

from .conftest import PIECE
from .proxy import Fault
from .repository import BRANCH, COMMIT, KEY, SIZE, TINY, WANTED, WEIGHTS, tree

MANIFEST = f"{KEY}.manifest.json"

pytestmark = pytest.mark.usefixtures("repository")


@pytest.fixture
def cache(download, tmp_path):
    """One that has the model."""
    assert download(BRANCH)[1] == []
    return tmp_path / "cache"


@pytest.mark.parametrize("manifests", [True, False], ids=["with manifests of ours", "as others leave it"])
@pytest.mark.parametrize("artifact", [TINY, BRANCH], ids=["commit", "branch"])
def test_what_is_in_the_cache_is_published_without_the_hub(
    cache, publish, hub, client, settings, content, artifact, manifests
):
    if not manifests:
        shutil.rmtree(cache / "models--org--tiny" / "manifests")
    hub.exchanges.clear()
    (published,), errors = publish(artifact, cache=cache)
    assert (published.commit, published.changed, errors, hub.exchanges) == (COMMIT, True, [], [])
    from_cache = content(KEY), content(MANIFEST)
    for key in (KEY, MANIFEST):
        client.delete_object(Bucket=settings.bucket, Key=key)
    assert publish(TINY)[1] == []
    assert (content(KEY), content(MANIFEST)) == from_cache


@pytest.mark.parametrize("harm", ["a blob is gone", "a link is gone", "a blob is gone, and it is not ours"])
def test_what_the_cache_has_in_part_only_is_published_from_the_hub(cache, publish, fetch, tmp_path, harm):
    broken = cache / "models--org--tiny" / "snapshots" / COMMIT / "model-2.safetensors"
    (broken if harm == "a link is gone" else broken.resolve()).unlink()
    if "not ours" in harm:
        shutil.rmtree(cache / "models--org--tiny" / "manifests")
    assert publish(TINY, cache=cache)[1] == []
    (found,), _missing, errors = fetch(TINY, cache=tmp_path / "host")
    assert errors == []
    assert tree(found["path"]) == WANTED


def test_wrong_bytes_in_the_cache_are_never_published(cache, publish, keys):
    blob = (cache / "models--org--tiny" / "snapshots" / COMMIT / "model-2.safetensors").resolve()
    blob.write_bytes(WEIGHTS[1][::-1])
    found, (error,) = publish(TINY, cache=cache)
    assert (found, keys()) == ([], [])
    assert "model-2.safetensors" in str(error)


def test_the_cache_is_filled_with_what_is_published_and_each_byte_asked_for_once(publish, hub, tmp_path, fetch):
    cache = tmp_path / "cache"
    assert publish(BRANCH, cache=cache, fill_cache=True)[1] == []
    assert sum(exchange.moved for exchange in hub.asked("GET", "/resolve/")) == SIZE
    (found,), missing, errors = fetch(BRANCH, cache=cache, sources=[])
    assert (found["changed"], missing, errors) == (False, [], [])
    assert tree(found["path"]) == WANTED


def test_the_cache_is_whole_although_an_earlier_run_sent_parts_without_keeping_them(publish, hub, tmp_path):
    hub.faults.append(Fault("GET", "/resolve/", "answer", status=403, spared=10, times=1000))
    assert len(publish(TINY)[1]) == 1
    hub.faults.clear()
    assert publish(TINY, cache=tmp_path / "cache", fill_cache=True)[1] == []
    assert tree(tmp_path / "cache" / "models--org--tiny" / "snapshots" / COMMIT) == WANTED
    assert sum(seen.moved for seen in hub.asked("GET", "/resolve/") if seen.status == 206) <= SIZE + PIECE
