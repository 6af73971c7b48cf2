# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's hub, sending files as fast as the kernel can, or at ``--rate`` bytes per second and connection.

``python -m tests.bench.artifacts.hub --root DIR --port 8080 [--rate 41943040]``
"""

from __future__ import annotations

import argparse
import os
import re
import time
from http import HTTPStatus
from pathlib import Path

from rig.standins import hub as standin
from rig.standins.repositories import File

RANGE = re.compile(r"bytes=(\d+)-(\d*)")
SLICE = 256 * 1024  # bytes sent at a time where there is a rate


class Hub(standin.Hub):
    """Large files are redirected to another name of the same server, as the real one's are to another host."""

    request_queue_size = 64

    def __init__(self, port: int, root: Path, rate: int) -> None:
        super().__init__(("127.0.0.1", port), root, lfs_url=f"http://localhost:{port}")
        self.RequestHandlerClass = Handler
        self.rate = rate


class Handler(standin.Handler):
    """One connection."""

    disable_nagle_algorithm = True
    server: Hub

    def _content(self, file: File, headers: dict[str, str]) -> None:
        headers = {**headers, "ETag": f'"{file.etag}"', "Content-Type": "application/octet-stream"}
        match = RANGE.fullmatch(self.headers.get("Range", ""))
        begin = int(match[1]) if match else 0
        end = min(int(match[2]) + 1, file.size) if match and match[2] else file.size
        if match:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{file.size}"
        self._start(HTTPStatus.PARTIAL_CONTENT if match else HTTPStatus.OK, end - begin, headers)
        if self.command == "GET":
            with file.source.open("rb") as source:
                self._send(source.fileno(), begin, end)

    def _send(self, file: int, begin: int, end: int) -> None:
        rate = self.server.rate
        began, position = time.monotonic(), begin
        while position < end:
            most = min(SLICE, end - position) if rate else end - position
            position += os.sendfile(self.connection.fileno(), file, position, most)
            if rate:
                time.sleep(max(0.0, began + (position - begin) / rate - time.monotonic()))


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A fast hub, or one of a known slowness.")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=int, default=0)
    options = parser.parse_args()
    Hub(options.port, options.root, options.rate).serve_forever()


if __name__ == "__main__":
    main()
