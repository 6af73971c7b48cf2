# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the blobs of a cache to other hosts of the fleet, for as long as they ask.

A program of its own, run by a host's own Python without this collection:
``peer_server.py CACHE ADDRESS PORT IDLE_SECONDS``, with the secret that paths begin with on standard input. Integrity
is the reader's business: it hashes what it gets.
"""

from __future__ import annotations

import hmac
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

BLOB = re.compile(r"/(?P<token>[^/]+)/(?P<path>models--[\w.-]+/blobs/([0-9a-f]{40}|([a-z0-9_]+-)?[0-9a-f]{64}))")
RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class Server(ThreadingHTTPServer):
    """``asked`` is when somebody last asked, by the monotonic clock."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], cache: Path, token: str) -> None:
        super().__init__(address, Handler)
        self.cache = cache
        self.token = token
        self.asked = time.monotonic()

    def end_when_idle(self, seconds: float) -> None:
        while time.monotonic() - self.asked < seconds:
            time.sleep(min(1.0, seconds / 4))
        self.shutdown()


class Handler(BaseHTTPRequestHandler):
    """One connection; only whole blobs, and only by range."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds
    server: Server

    def do_GET(self) -> None:
        self.server.asked = time.monotonic()
        asked = BLOB.fullmatch(self.path)
        if not asked or not hmac.compare_digest(asked["token"], self.server.token):
            self._refuse(404)
            return
        wanted = RANGE.fullmatch(self.headers.get("Range", ""))
        try:
            with (self.server.cache / asked["path"]).open("rb") as blob:
                size = os.fstat(blob.fileno()).st_size
                if not wanted or not int(wanted[1]) <= int(wanted[2]) < size:
                    self._refuse(416)
                    return
                self._send(blob, int(wanted[1]), int(wanted[2]) + 1, size)
        except FileNotFoundError:
            self._refuse(404)

    def _send(self, blob: BinaryIO, start: int, end: int, size: int) -> None:
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.connection.sendfile(blob, start, end - start)
        self.server.asked = time.monotonic()

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name in the base class)
        """Nothing: paths hold the token."""


def main() -> None:
    cache, address, port, idle = sys.argv[1:]
    server = Server((address, int(port)), Path(cache), token=sys.stdin.read().strip())
    threading.Thread(target=server.end_when_idle, args=(float(idle),), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
