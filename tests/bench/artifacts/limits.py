# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine can do at most: megabytes per second of each thing that a transfer consists of, on its own.

``python -m tests.bench.artifacts.limits FOLDER STORE URL...`` prints them as JSON; the URLs are of large files.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.artifacts.cost import MB

THREADS = 8
PIECE = 16 * 1024 * 1024  # bytes


@dataclass(frozen=True)
class Part:
    """Some bytes of a file."""

    url: str
    start: int
    size: int


@dataclass(frozen=True)
class Limits:
    """In MB/s."""

    get: float  # from the hub, on several connections
    relay: float  # from the hub to the store, likewise, nothing done to the bytes
    write: float  # to the disk, until they are there
    sha256: float  # on one core


class Connections(threading.local):
    """Each thread's own, and its buffer."""

    def __init__(self) -> None:
        self._open: dict[str, http.client.HTTPConnection] = {}
        self._buffer = memoryview(bytearray(PIECE))

    def size(self, url: str) -> int:
        """Of a file."""
        answer = self._ask("HEAD", url)
        answer.read()
        return int(answer.headers["Content-Length"])

    def get(self, part: Part) -> memoryview:
        """Its bytes, until the next are asked for."""
        answer = self._ask("GET", part.url, {"Range": f"bytes={part.start}-{part.start + part.size - 1}"})
        missing = self._buffer[: part.size]
        while missing and (count := answer.readinto(missing)):
            missing = missing[count:]
        assert not missing, f"{part.url} ends early"
        answer.read()
        return self._buffer[: part.size]

    def put(self, url: str, body: memoryview) -> None:
        """Send ``body``."""
        self._ask("PUT", url, body=body).read()

    def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: memoryview | None = None
    ) -> http.client.HTTPResponse:
        target = urlsplit(url)
        connection = self._open.setdefault(target.netloc, http.client.HTTPConnection(target.netloc))
        connection.request(method, target.path, body, headers or {})
        answer = connection.getresponse()
        assert answer.status < 300, f"{url}: {answer.status}"
        return answer


def measure(folder: Path, store: str, urls: Iterable[str]) -> Limits:
    """All of them, one after the other."""
    connections = Connections()
    parts = []
    for url in urls:
        size = connections.size(url)
        parts += [Part(url, start, min(PIECE, size - start)) for start in range(0, size, PIECE)]

    def relay(part: Part) -> None:
        connections.put(f"{store}/limits/{part.start}-{Path(part.url).name}", connections.get(part))

    def rate(work: Callable[[], object]) -> int:
        began = time.perf_counter()
        work()
        return round(sum(part.size for part in parts) / MB / (time.perf_counter() - began))

    with ThreadPoolExecutor(THREADS) as pool:
        return Limits(
            get=rate(lambda: list(pool.map(connections.get, parts))),
            relay=rate(lambda: list(pool.map(relay, parts))),
            write=rate(lambda: _write(folder / "written", parts)),
            sha256=rate(lambda: _hash(parts)),
        )


def _write(path: Path, parts: Iterable[Part]) -> None:
    buffer = memoryview(bytearray(PIECE))
    with path.open("wb", buffering=0) as file:
        for part in parts:
            file.write(buffer[: part.size])
        os.fsync(file.fileno())


def _hash(parts: Iterable[Part]) -> None:
    buffer = memoryview(bytearray(PIECE))
    digest = hashlib.sha256()
    for part in parts:
        digest.update(buffer[: part.size])


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))))
