# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers on loopback, each behind a proxy that can break it: the demo's hub, and nanio as the S3 store."""

from __future__ import annotations

import uuid
from functools import lru_cache

import boto3
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts import (
    cache_filling,
    push,
    snapshot,
    tar_source,
)
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.fetch import fill
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.origin import Origin
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.publish import Publisher
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.base import Settings
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.open import open_store
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer import http
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from rig.standins import hub as standin

from .proxy import Proxy
from .repository import FILES, TINY, lay
from .servers import KEYS, nanio, running, serving

TOKEN = "hf_" + "right"
PIECE = 150_000  # bytes


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch):
    """Small models have several pieces and parts; a test's folder may be on a disk that is nearly full."""
    for module, name in ((push, "MIN_PART"), (snapshot, "PIECE"), (tar_source, "PIECE")):
        monkeypatch.setattr(module, name, PIECE)
    monkeypatch.setattr(cache_filling, "SPARE", 0)
    monkeypatch.setattr(http, "PAUSE", 0.01)


@pytest.fixture
def hub(tmp_path):
    """A proxy before ``hub.standin``, which has the repositories in the folder ``hub``."""
    server = standin.Hub(("127.0.0.1", 0), tmp_path / "hub", gated=["org/gated"], token=TOKEN)
    proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    proxy.standin = server
    with serving(server), serving(proxy):
        yield proxy


@pytest.fixture
def repository(tmp_path):
    """The folder of org/tiny at the hub; org/gated has the same in it."""
    for name in ("gated", "tiny"):
        lay(tmp_path / "hub" / "org" / name, FILES)
    return tmp_path / "hub" / "org" / "tiny"


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """URL of an S3 server."""
    with running(nanio, tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def wire(s3):
    """A proxy before the S3 server."""
    proxy = Proxy(s3)
    with serving(proxy):
        yield proxy


@lru_cache
def client_of(endpoint):
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        region_name="us-east-1",
    )


@pytest.fixture
def client(s3):
    return client_of(s3)


@pytest.fixture
def settings(wire, client):
    """A bucket of the test's own."""
    bucket = f"b-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    return Settings(bucket=bucket, endpoint=wire.url, **KEYS)


@pytest.fixture
def store(settings):
    return open_store(settings)


@pytest.fixture
def keys(client, settings):
    """A function: the objects in the bucket."""
    return lambda: [item["Key"] for item in client.list_objects_v2(Bucket=settings.bucket).get("Contents", [])]


@pytest.fixture
def content(client, settings):
    """A function: what the store has of a key."""
    return lambda key: client.get_object(Bucket=settings.bucket, Key=key)["Body"].read()


@pytest.fixture
def publish_to(hub):
    """Publishes org/tiny to the store of the given settings."""

    def run(settings):
        publisher = Publisher(open_store(settings), Hub(hub.url, ""), progress=Progress(None), check_mode=False)
        return publisher.publish([TINY])

    return run


@pytest.fixture
def publish(hub, store):
    """Publishes artifacts: ``publish(artifact, token="", check_mode=False, **options)``."""

    def run(*artifacts, token="", check_mode=False, **options):
        return Publisher(store, Hub(hub.url, token), progress=Progress(None), check_mode=check_mode, **options).publish(
            artifacts
        )

    return run


@pytest.fixture
def published(publish, repository):  # noqa: ARG001  (it has to be there)
    """The publication of org/tiny."""
    (publication,), errors = publish(TINY)
    assert errors == []
    return publication


@pytest.fixture
def fetch(store, tmp_path):
    """Fetches artifacts into the folder ``cache``, from where the store has them or from ``sources``."""

    def run(*artifacts, sources=None, cache=tmp_path / "cache"):
        if sources is None:
            _models, sources, errors = look(store, artifacts, presign=60)
            assert not errors
        return fill(cache, artifacts, sources, Progress(None), check_mode=False)

    return run


@pytest.fixture
def download(hub, tmp_path):
    """Downloads artifacts from the hub into the folder ``cache``."""

    def run(*artifacts, token="", cache=tmp_path / "cache"):
        return snapshot.take(cache, artifacts, Origin(Hub(hub.url, token)), Progress(None), check_mode=False)

    return run
