# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers on loopback: the demo's hub, and nanio as the S3 store."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.publish import Publisher
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.base import Settings
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.open import open_store
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from rig.standins import hub as standin

TOKEN = "hf_" + "right"
COLLECTIONS = str(Path(__file__).parents[2] / "collections")
KEYS = {"access_key": "fleet", "secret_key": "not-a-secret"}


class Handler(standin.Handler):
    """Remembers what was asked, and sends other bytes than listed where told to."""

    def log_request(self, *_details):
        self.server.requests.append(self.requestline)

    def _content(self, file, headers):
        super()._content(replace(file, source=self.server.damaged.get(file.path, file.source)), headers)


@pytest.fixture
def hub(tmp_path):
    """A hub with the repositories in the folder ``hub``."""
    server = standin.Hub(("127.0.0.1", 0), tmp_path / "hub", gated=["org/gated"], token=TOKEN)
    server.RequestHandlerClass = Handler
    server.requests, server.damaged = [], {}
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def await_port(port, process):
    """Wait until ``process`` listens."""
    deadline = time.monotonic() + 20
    while not _answers(port):
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, "it did not start"
        time.sleep(0.05)


def _answers(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """URL of an S3 server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "nanio", "serve", "--host", "127.0.0.1", "--port", str(port)],
        env={
            "NANIO_ACCESS_KEY": KEYS["access_key"],
            "NANIO_SECRET_KEY": KEYS["secret_key"],
            "NANIO_DATA_DIR": str(tmp_path_factory.mktemp("s3")),
        },
    )
    await_port(port, server)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


@pytest.fixture
def client(s3):
    return boto3.session.Session().client(
        "s3",
        endpoint_url=s3,
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        region_name="us-east-1",
    )


@pytest.fixture
def settings(s3, client):
    """A bucket of the test's own."""
    bucket = f"b-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    return Settings(bucket=bucket, endpoint=s3, **KEYS)


@pytest.fixture
def store(settings):
    return open_store(settings)


@pytest.fixture
def publish(hub, store):
    """Publishes artifacts: ``publish(artifact, token="", check_mode=False, **options)``."""

    def run(*artifacts, token="", check_mode=False, **options):
        return Publisher(store, Hub(hub.url, token), progress=Progress(None), check_mode=check_mode, **options).publish(
            artifacts
        )

    return run


@pytest.fixture
def kill_until_done():
    """Runs a program again and again, killing it a little later each time, until it lives to the end.

    The program gets ``parameters`` as ``p`` and begins its work after it has printed a line. ``check`` is called after
    each kill. Returns how often it was killed.
    """

    def run(program, parameters, check=lambda: None, step=0.03):
        prologue = (
            f"import json, sys; from pathlib import Path; p = json.load(sys.stdin);sys.path.insert(0, {COLLECTIONS!r});"
        )
        for kills in range(100):
            process = subprocess.Popen(
                [sys.executable, "-c", prologue + program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            process.stdin.write(json.dumps(parameters).encode())
            process.stdin.close()
            assert process.stdout.readline(), "it ended before it began"
            try:
                assert process.wait((kills + 1) * step) == 0
                return kills
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                check()
            finally:
                process.stdout.close()
        raise AssertionError("it never lived to the end")

    return run
