# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching from a store that misbehaves, and with a process that does not live."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts import fetch as fetching
from ansible_collections.inference.fleet.plugins.module_utils.artifacts import remote_tar
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.archive import (
    RemoteFile,
    TarStream,
    manifest_of,
    members,
)
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact

COMMIT = "cf4b3c42ce2fdfe24f753f0f0d179202fea59c99"
ARTIFACT = Artifact("org/m", COMMIT)
CONTENT = {f"{n}.bin": hashlib.shake_256(str(n).encode()).digest(2_000_000) for n in range(4)}
FILES = [RemoteFile(path, hashlib.sha256(body).hexdigest(), len(body)) for path, body in CONTENT.items()]
PARTS = members(ARTIFACT, COMMIT, FILES)
TAR = TarStream(ARTIFACT, PARTS, lambda file: io.BytesIO(CONTENT[file.path]))
BODY = TAR.readall()
MANIFEST = manifest_of(ARTIFACT, COMMIT, FILES, PARTS, TAR.sha256, "test")
REFUSAL = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
        self.server.asked.append(start)
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, int):
            self.send_response(fault)
            self.send_header("Content-Length", str(len(REFUSAL)))
            self.end_headers()
            self.wfile.write(REFUSAL)
            return
        if self.server.ranges:
            self.send_response(206)
        else:
            self.send_response(200)
            start = 0
        body = BODY[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        if fault == "spoilt":
            body = body.replace(CONTENT["3.bin"][:100], bytes(100))
        for at in range(0, len(body), 1 << 16):
            self.wfile.write(body[at : at + (1 << 16)])
            time.sleep(self.server.pause)

    def log_message(self, *_details):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(remote_tar, "PAUSE", 0)
    monkeypatch.setattr(fetching, "SPARE", 0)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.faults, http.asked, http.ranges, http.pause = [], [], True, 0
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    yield http
    http.shutdown()
    http.server_close()


def source(server):
    url = f"http://127.0.0.1:{server.server_address[1]}/bucket/m.tar?X-Amz-Signature=secret"
    return {
        "repo_id": "org/m",
        "revision": COMMIT,
        "key": "m.tar",
        "url": url,
        "manifest": MANIFEST.as_dict(),
        "ca": "",
    }


@pytest.fixture
def fetch(server, tmp_path):
    def run():
        found, _missing, errors = fetching.fill(tmp_path, [ARTIFACT], [source(server)], check_mode=False)
        assert "secret" not in " ".join(map(str, errors))
        return found, errors

    return run


def assert_whole(found):
    for path, body in CONTENT.items():
        assert (Path(found["path"]) / path).read_bytes() == body


@pytest.mark.parametrize("faults", [["cut"], [503], [429, "cut", 500], ["cut"] * 8])
def test_a_connection_that_fails_is_taken_up_where_it_broke(server, fetch, faults):
    server.faults[:] = faults
    (found,), errors = fetch()
    assert errors == []
    assert_whole(found)
    assert found["bytes_read"] == sum(map(len, CONTENT.values()))


def test_a_server_that_ignores_ranges_will_do(server, fetch):
    server.ranges = False
    server.faults[:] = ["cut"]
    (found,), errors = fetch()
    assert errors == []
    assert_whole(found)


def test_a_store_that_stays_broken_is_named_after_a_few_tries(server, fetch):
    server.faults[:] = [503] * 20
    _rest, (error,) = fetch()
    assert str(error).endswith("HTTP 503. Can this host reach the store? What was fetched is kept; run again.")
    assert len(server.asked) == remote_tar.TRIES


def test_an_address_that_expires_half_way_keeps_what_was_fetched(server, fetch):
    server.faults[:] = ["cut", 403]
    _rest, (error,) = fetch()
    assert "the address has expired" in str(error)
    server.asked.clear()
    (found,), errors = fetch()
    assert errors == []
    assert_whole(found)
    assert server.asked[0] > len(BODY) // 3, "it went on, it did not begin anew"


def test_wrong_bytes_are_read_once_more_and_may_then_be_right(server, fetch):
    server.faults[:] = ["spoilt"]
    (found,), errors = fetch()
    assert errors == []
    assert_whole(found)


def test_a_disk_that_fills_up_is_given_back(fetch, tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    _rest, (error,) = fetch()
    assert "No space left on device" in str(error)
    assert not [*tmp_path.rglob("*.partial")]
    assert not [*tmp_path.rglob("snapshots")]


def test_it_can_be_killed_at_any_moment(server, tmp_path, kill_until_done):
    server.pause = 0.002
    program = """
from ansible_collections.inference.fleet.plugins.module_utils.artifacts import artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts import fetch
print("ready", flush=True)
wanted = artifact.artifacts([p["source"]], family_needed=False)
sys.exit(len(fetch.fill(Path(p["cache"]), wanted, [p["source"]], check_mode=False)[2]))
"""
    snapshot = tmp_path / "models--org--m" / "snapshots" / COMMIT

    def all_of_it_or_nothing():
        assert not snapshot.exists() or len([*snapshot.iterdir()]) == len(CONTENT)

    parameters = {"source": {**source(server), "key": ""}, "cache": str(tmp_path)}
    assert kill_until_done(program, parameters, all_of_it_or_nothing) > 3
    assert_whole({"path": snapshot})
    assert not [*tmp_path.rglob("*.partial")]
    assert server.asked[-1] > 0, "the last one went on where another had been killed"
