# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same on each kind of store: three S3 servers that differ in what they can, and a folder."""

from __future__ import annotations

import socket
from dataclasses import asdict, replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.base import Settings
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look

from .conftest import PIECE, client_of
from .programs import PUBLISH, Program
from .proxy import Fault, Proxy
from .repository import BRANCH, COMMIT, KEY, MODEL, TINY, WANTED, tree
from .servers import moto, rclone, running, serving

pytestmark = pytest.mark.usefixtures("repository")


@pytest.fixture(scope="module")
def rclone_url(tmp_path_factory):
    with running(rclone, tmp_path_factory.mktemp("rclone")) as url:
        yield url


@pytest.fixture(scope="module")
def moto_url(tmp_path_factory):
    with running(moto, tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture(params=["s3", "rclone_url", "moto_url"], ids=["nanio", "rclone", "moto"])
def wire(request):
    """A proxy before each of the S3 servers."""
    proxy = Proxy(request.getfixturevalue(request.param))
    with serving(proxy):
        yield proxy


@pytest.fixture
def client(wire):
    return client_of(wire.url)


@pytest.fixture
def folder(tmp_path):
    """Where the publisher and the hosts mount a store that is a folder."""
    return Settings(bucket="models", endpoint=(tmp_path / "mounted here").as_uri())


def assert_round_trip(publish, fetch, store):
    (published,), errors = publish(TINY)
    assert errors == []
    assert (published.commit, published.key, published.changed) == (COMMIT, KEY, True)
    assert [publish(artifact)[0][0].changed for artifact in (TINY, BRANCH, BRANCH)] == [False, True, False]
    for changed in (True, False):
        (found,), missing, errors = fetch(BRANCH)
        assert (found["changed"], missing, errors) == (changed, [], [])
        assert tree(found["path"]) == WANTED
    assert [sight["published"] for sight in look(store, [TINY, BRANCH])[0]] == [True, True]


def test_there_and_back_over_s3(publish, fetch, store):
    assert_round_trip(publish, fetch, store)


class TestFolder:
    """A folder as the store."""

    @pytest.fixture
    def settings(self, folder):
        return folder

    def test_there_and_back(self, publish, fetch, store):
        assert_round_trip(publish, fetch, store)

    def test_a_killed_publisher_is_taken_up(self, hub, settings, fetch, tmp_path):
        publishing = Program(PUBLISH, {"model": MODEL, "hub": hub.url, "store": asdict(settings), "piece": PIECE})
        hub.after(1_500_000, publishing.kill)
        assert publishing.run()[0] == -9
        hub.exchanges.clear()
        assert publishing.run() == (0, "\n")
        read = sum(exchange.moved for exchange in hub.asked("GET", "/resolve/"))
        assert read < 2_500_000
        assert tree(fetch(TINY)[0][0]["path"]) == WANTED
        left = [path.name for path in (tmp_path / "mounted here").rglob("*") if path.is_file()]
        assert sorted(left) == ["org--tiny.tar", "org--tiny.tar.manifest.json"]

    def test_one_that_cannot_be_written_is_named(self, publish, tmp_path):
        (tmp_path / "mounted here").touch()
        _found, (error,) = publish(TINY)
        assert "Is the store's folder mounted, is there room, and may we write in it?" in str(error)


def test_a_killed_publisher_is_taken_up(hub, wire, settings, fetch, keys):
    publishing = Program(PUBLISH, {"model": MODEL, "hub": hub.url, "store": asdict(settings), "piece": PIECE})
    wire.after(1_500_000, publishing.kill)
    assert publishing.run()[0] == -9
    assert publishing.run() == (0, "\n")
    assert len(wire.asked("PUT", "partNumber=")) <= -(-3_100_000 // PIECE) + 8
    assert sorted(keys()) == [KEY, f"{KEY}.manifest.json"]
    assert tree(fetch(TINY)[0][0]["path"]) == WANTED


def test_one_that_was_killed_after_it_completed_its_upload_is_taken_up(hub, wire, settings, fetch, keys):
    publishing = Program(PUBLISH, {"model": MODEL, "hub": hub.url, "store": asdict(settings), "piece": PIECE})
    wire.faults.append(Fault("POST", "uploadId=", "unanswered", action=publishing.kill))
    assert publishing.run()[0] == -9
    assert publishing.run() == (0, "\n")
    assert sorted(keys()) == [KEY, f"{KEY}.manifest.json"]
    assert tree(fetch(TINY)[0][0]["path"]) == WANTED


@pytest.mark.parametrize("wire", ["moto_url"], indirect=True)
@pytest.mark.parametrize("encryption", [{"sse": "AES256"}, {"sse": "aws:kms", "sse_kms_key_id": "alias/models"}])
def test_encryption_is_asked_for(client, settings, hub, publish_to, encryption):
    assert hub.url
    assert publish_to(replace(settings, **encryption))[1] == []
    for key in (KEY, f"{KEY}.manifest.json"):
        said = client.head_object(Bucket=settings.bucket, Key=key)
        assert said["ServerSideEncryption"] == encryption["sse"]
        assert said.get("SSEKMSKeyId", "").endswith(encryption.get("sse_kms_key_id", ""))


@pytest.mark.parametrize("wire", ["moto_url"], indirect=True)
@pytest.mark.parametrize("addressing", ["path", "virtual"])
def test_the_bucket_is_in_the_path_or_the_name_of_the_host(settings, wire, publish_to, monkeypatch, addressing):
    resolve = socket.getaddrinfo

    def find(host, *details, **more):
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *details, **more)

    monkeypatch.setattr("socket.getaddrinfo", find)
    endpoint = f"http://localhost:{wire.port}"
    wire.exchanges.clear()
    assert publish_to(replace(settings, endpoint=endpoint, addressing=addressing))[1] == []
    hosts = {seen.headers["host"].partition(":")[0] for seen in wire.exchanges}
    assert hosts == {f"{settings.bucket}.localhost" if addressing == "virtual" else "localhost"}
    in_path = [seen.target.startswith(f"/{settings.bucket}/") for seen in wire.exchanges]
    assert all(in_path) if addressing == "path" else not any(in_path)
