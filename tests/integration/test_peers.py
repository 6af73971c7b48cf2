# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blobs from another host's peer server, and from the store where that does not help."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts import peer_server
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.fetch import fill
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress

from .servers import await_port, free_port

TOKEN = "un" + "guessable"
FILES = {"config.json": b"{}\n", "model.safetensors": hashlib.shake_256(b"weights").digest(20_000_001)}
TINY = Artifact("org/tiny", "main", family="tiny", name="tiny")


@pytest.fixture
def sources(hub, publish, store, tmp_path):
    folder = tmp_path / "hub" / "org" / "tiny"
    folder.mkdir(parents=True)
    for name, body in FILES.items():
        (folder / name).write_bytes(body)
    assert hub.url
    assert publish(TINY)[1] == []
    return look(store, [TINY], presign=60)[1]


@pytest.fixture
def serve(tmp_path):
    """Starts the program as a host would; ``serve(idle)`` is its URL, and the process."""
    processes = []

    def start(idle=60.0):
        port = free_port()
        program = [sys.executable, "-I", "-S", str(Path(peer_server.__file__))]
        arguments = [str(tmp_path / "peer"), "127.0.0.1", str(port), str(idle)]
        process = subprocess.Popen([*program, *arguments], stdin=subprocess.PIPE)
        processes.append(process)
        process.stdin.write(TOKEN.encode())
        process.stdin.close()
        await_port(port, process)
        return f"http://127.0.0.1:{port}/{TOKEN}", process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def fetch(sources, tmp_path):
    def run(cache, *peers):
        (found,), missing, errors = fill(
            tmp_path / cache, [TINY], sources, Progress(None), peers=peers, check_mode=False
        )
        assert (missing, errors) == ([], [])
        assert {name: Path(found["path"], name).read_bytes() for name in FILES} == FILES
        return found

    return run


def test_the_store_is_read_by_one_host_only(fetch, serve):
    assert fetch("peer")["bytes_from_peers"] == 0
    found = fetch("mine", serve()[0])
    assert found["bytes_from_peers"] == found["bytes_read"] >= sum(map(len, FILES.values()))


def test_what_a_peer_does_not_have_comes_from_the_store(fetch, serve, tmp_path):
    fetch("peer")
    next((tmp_path / "peer").glob("models--*/blobs/" + hashlib.sha256(FILES["model.safetensors"]).hexdigest())).unlink()
    found = fetch("mine", serve()[0])
    assert found["bytes_from_peers"] < 20_000_001 < found["bytes_read"]


def test_what_a_peer_has_wrong_comes_from_the_store_the_second_time(fetch, serve, tmp_path):
    fetch("peer")
    (blob,) = (tmp_path / "peer").glob("models--*/blobs/" + hashlib.sha256(FILES["model.safetensors"]).hexdigest())
    with blob.open("r+b") as file:
        file.seek(12_345)
        file.write(b"other")
    found = fetch("mine", serve()[0])
    assert found["bytes_read"] > found["bytes_from_peers"] >= 20_000_001


def test_a_peer_that_is_gone_does_not_matter(fetch, serve):
    url, process = serve()
    process.kill()
    process.wait()
    assert fetch("mine", url)["bytes_from_peers"] == 0


def test_it_serves_blobs_to_those_who_know_the_secret_and_nothing_else(fetch, serve):
    found = fetch("peer")
    url, _process = serve()
    blob = "models--org--tiny/blobs/" + hashlib.sha256(FILES["model.safetensors"]).hexdigest()

    def status(path):
        request = urllib.request.Request(path, headers={"Range": "bytes=0-9"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""

    assert status(f"{url}/{blob}") == (206, FILES["model.safetensors"][:10])
    refused = [
        f"{url.replace(TOKEN, 'guessed')}/{blob}",
        f"{url}/models--org--tiny/refs/main",
        f"{url}/models--org--tiny/snapshots/{found['commit']}/config.json",
        f"{url}/models--org--tiny/blobs/../../../../etc/passwd",
        f"{url}/",
    ]
    assert [status(path)[0] for path in refused] == [404] * len(refused)


def test_it_ends_when_nobody_has_asked_for_a_while(serve):
    _url, process = serve(idle=0.5)
    assert process.wait(20) == 0
