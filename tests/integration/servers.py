# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3 servers as processes of their own, and servers of ours in threads."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseServer

KEYS = {"access_key": "fleet", "secret_key": "not-a-secret"}
STARTS_WITHIN = 30.0  # seconds


def nanio(port: int, folder: Path) -> list[str]:
    here = ["serve", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(folder)]
    return [sys.executable, "-m", "nanio", *here]


def rclone(port: int, folder: Path) -> list[str]:
    program = str(Path(sys.executable).with_name("rclone"))
    keys = f"{KEYS['access_key']},{KEYS['secret_key']}"
    return [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", keys, "--etag-hash", "", str(folder)]


def moto(port: int, folder: Path) -> list[str]:  # noqa: ARG001  (it keeps all in memory)
    return [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]


ENVIRONMENT = {
    "NANIO_ACCESS_KEY": KEYS["access_key"],
    "NANIO_SECRET_KEY": KEYS["secret_key"],
    "S3_UPLOAD_PART_MIN_SIZE": "1",  # moto's
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until ``process`` listens."""
    deadline = time.monotonic() + STARTS_WITHIN
    while not _answers(port):
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, "it did not start"
        time.sleep(0.05)


@contextmanager
def running(command: Callable[[int, Path], list[str]], folder: Path) -> Iterator[str]:
    """URL of a server that keeps what it has in ``folder``; what it says goes beside that."""
    port = free_port()
    with folder.with_suffix(".log").open("wb") as log:
        environment = {**os.environ, **ENVIRONMENT}
        process = subprocess.Popen(command(port, folder), env=environment, stdout=log, stderr=log)
        try:
            await_port(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """``server`` answers meanwhile."""
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
