# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Killed at any moment, again and again: the result is the same, and only what was on its way is moved again."""

from __future__ import annotations

import random
from dataclasses import asdict

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look

from .programs import DOWNLOAD, FETCH, KILLS, PIECE, PUBLISH, WORKERS, Program
from .proxy import Fault
from .repository import COMMIT, KEY, MODEL, SIZE, TINY, WANTED, tree

AGAIN = KILLS * WORKERS * PIECE  # bytes that were on their way
LARGE = 500_000  # bytes of a part where not many are needed
MANIFEST = f"{KEY}.manifest.json"

pytestmark = pytest.mark.usefixtures("repository")


@pytest.fixture
def seed():
    return random.SystemRandom().randrange(1 << 32)


@pytest.fixture
def parameters(hub, settings):
    return {"model": MODEL, "hub": hub.url, "store": asdict(settings)}


@pytest.fixture
def undisturbed(publish, client, settings, content):
    """A function: the tar and the manifest as a run makes them that nobody disturbs."""

    def run():
        for key in (KEY, MANIFEST):
            client.delete_object(Bucket=settings.bucket, Key=key)
        assert publish(TINY)[1] == []
        return content(KEY), content(MANIFEST)

    return run


def moved(exchanges):
    return sum(exchange.moved for exchange in exchanges)


def assert_whole(cache):
    assert tree(cache / "models--org--tiny" / "snapshots" / COMMIT) == WANTED
    assert not [path for pattern in ("*.partial", "*.pieces", "*.staging") for path in cache.rglob(pattern)]


def test_a_download(hub, tmp_path, seed):
    program = Program(DOWNLOAD, {"model": MODEL, "hub": hub.url, "cache": str(tmp_path / "cache")})
    program.run_killed([hub], SIZE, seed)
    assert_whole(tmp_path / "cache")
    assert moved(hub.asked("GET", "/resolve/")) <= SIZE + AGAIN


def test_a_fetch(publish, store, wire, tmp_path, seed):
    (published,), _errors = publish(TINY)
    _models, sources, errors = look(store, [TINY], presign=600)
    assert errors == []
    program = Program(FETCH, {"model": MODEL, "sources": sources, "cache": str(tmp_path / "cache")})
    wire.exchanges.clear()
    program.run_killed([wire], SIZE, seed)
    assert_whole(tmp_path / "cache")
    assert moved(wire.asked("GET", f"{KEY}?")) <= published.size + AGAIN


def test_a_publication(parameters, hub, wire, keys, content, undisturbed, seed):
    Program(PUBLISH, parameters).run_killed([hub, wire], SIZE, seed)
    parts = -(-len(content(KEY)) // PIECE)
    assert len(wire.asked("PUT", "partNumber=")) <= parts + KILLS * WORKERS
    assert moved(hub.asked("GET", "/resolve/")) <= SIZE + AGAIN
    assert sorted(keys()) == sorted([KEY, MANIFEST])
    assert (content(KEY), content(MANIFEST)) == undisturbed()


def test_a_publication_that_fills_a_cache(parameters, hub, content, tmp_path, undisturbed, seed):
    cache = tmp_path / "cache"
    Program(PUBLISH, {**parameters, "cache": str(cache)}).run_killed([hub], SIZE, seed)
    assert_whole(cache)
    assert moved(hub.asked("GET", "/resolve/")) <= SIZE + AGAIN
    assert (content(KEY), content(MANIFEST)) == undisturbed()


@pytest.mark.parametrize("deed", ["reset", "unanswered"])
@pytest.mark.parametrize(
    ("method", "where"),
    [
        ("POST", "uploads"),
        ("PUT", "upload.json"),
        ("POST", "uploadId="),
        ("DELETE", "upload.json"),
        ("PUT", "manifest.json"),
    ],
    ids=["begun", "noted", "completed", "note removed", "described"],
)
def test_a_publication_on_either_side_of_each_step(parameters, wire, keys, content, undisturbed, method, where, deed):
    publishing = Program(PUBLISH, {**parameters, "piece": LARGE})
    wire.faults.append(Fault(method, where, deed, action=publishing.kill))
    assert publishing.run()[0] == -9
    assert publishing.run() == (0, "\n")
    assert len(wire.asked("PUT", "partNumber=")) == -(-len(content(KEY)) // LARGE)
    assert sorted(keys()) == sorted([KEY, MANIFEST])
    assert (content(KEY), content(MANIFEST)) == undisturbed()
