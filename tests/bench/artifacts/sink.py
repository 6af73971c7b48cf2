# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fast S3: as much of its protocol as transfers need, no checks, no hashes, content in memory.

``python -m tests.bench.artifacts.sink --port 9000 --gigabytes 3``. One process stands for the many machines of a real
one: what it takes of this machine's CPU is little, so clients are what is seen. It has whatever bucket it is asked for.
"""

from __future__ import annotations

import argparse
import itertools
import mmap
import os
import re
import threading
from collections.abc import Iterable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

RANGE = re.compile(r"bytes=(\d+)-(\d*)")
SPARE = 64 * 1024 * 1024  # bytes; connections that break leave holes


class Span:
    """Where in the memory some bytes lie."""

    def __init__(self, offset: int, size: int) -> None:
        self.offset = offset
        self.size = size
        self.etag = f'"{offset:x}-{size:x}"'


class Content:
    """An object: its parts in their order, and what its sender said about it."""

    def __init__(self, parts: Iterable[Span], metadata: dict[str, str]) -> None:
        self.parts = list(parts)
        self.metadata = metadata
        self.size = sum(part.size for part in self.parts)
        self.etag = self.parts[0].etag if len(self.parts) == 1 else f'"{id(self):x}-{len(self.parts)}"'


class Sink(ThreadingHTTPServer):
    """The server, with room for ``size`` bytes."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], size: int) -> None:
        super().__init__(address, Handler)
        self.file = os.memfd_create("sink")
        os.ftruncate(self.file, size + SPARE)
        # Populated now, so that nobody waits for the kernel to find and clear pages.
        self.memory = memoryview(mmap.mmap(self.file, size + SPARE, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE))
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.used = 0
        self.objects: dict[str, Content] = {}
        self.uploads: dict[str, tuple[dict[str, str], dict[int, Span]]] = {}

    def allocate(self, size: int) -> Span:
        """Room for ``size`` bytes."""
        with self.lock:
            span = Span(self.used, size)
            self.used += size
        if self.used > len(self.memory):
            raise MemoryError(f"more than {len(self.memory)} bytes were sent")
        return span


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Sink

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: requests are many."""

    def do_PUT(self) -> None:
        """An object or a part."""
        key, query = self._target()
        content = self._receive()
        if "uploadId" in query:
            self.server.uploads[query["uploadId"]][1][int(query["partNumber"])] = content
        else:
            self.server.objects[key] = Content([content], self._metadata())
        self._answer(headers={"ETag": content.etag})

    def do_POST(self) -> None:
        """Begin and complete uploads."""
        key, query = self._target()
        body = self._receive()
        if "uploadId" not in query:
            number = f"upload-{next(self.server.numbers)}"
            self.server.uploads[number] = (self._metadata(), {})
            return self._xml("InitiateMultipartUploadResult", f"<UploadId>{number}</UploadId>")
        metadata, parts = self.server.uploads.pop(query["uploadId"])
        listed = bytes(self.server.memory[body.offset : body.offset + body.size])
        numbers = [int(number) for number in re.findall(rb"<PartNumber>(\d+)</PartNumber>", listed)]
        self.server.objects[key] = Content([parts[number] for number in numbers], metadata)
        etag = self.server.objects[key].etag.strip('"')
        return self._xml("CompleteMultipartUploadResult", f"<Key>{key}</Key><ETag>{etag}</ETag>")

    def do_DELETE(self) -> None:
        """An object or an upload; its room is not used again."""
        key, query = self._target()
        if "uploadId" in query:
            self.server.uploads.pop(query["uploadId"], None)
        else:
            self.server.objects.pop(key, None)
        self._answer(204)

    def do_HEAD(self) -> None:
        """An object without its content."""
        self.do_GET()

    def do_GET(self) -> None:
        """An object, or the parts of an upload."""
        key, query = self._target()
        if "uploadId" in query:
            return self._parts(self.server.uploads.get(query["uploadId"]))
        found = self.server.objects.get(key)
        if found is None:
            return self._xml("Error", "<Code>NoSuchKey</Code>", 404)
        match = RANGE.fullmatch(self.headers.get("Range", ""))
        begin = int(match[1]) if match else 0
        end = min(int(match[2]) + 1, found.size) if match and match[2] else found.size
        headers = {"ETag": found.etag, "Last-Modified": formatdate(usegmt=True), "Accept-Ranges": "bytes"}
        if match:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{found.size}"
        self._start(206 if match else 200, end - begin, {**headers, **found.metadata})
        if self.command == "GET":
            self._send(found, begin, end)
        return None

    def _parts(self, upload: tuple[dict[str, str], dict[int, Span]] | None) -> None:
        if upload is None:
            return self._xml("Error", "<Code>NoSuchUpload</Code>", 404)
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{part.etag}</ETag><Size>{part.size}</Size></Part>"
            for number, part in sorted(upload[1].items())
        )
        return self._xml("ListPartsResult", f"<IsTruncated>false</IsTruncated>{parts}")

    def _send(self, found: Content, begin: int, end: int) -> None:
        position = 0
        for part in found.parts:
            first, last = max(begin, position), min(end, position + part.size)
            offset = part.offset + first - position
            while first < last:
                sent = os.sendfile(self.connection.fileno(), self.server.file, offset, last - first)
                first += sent
                offset += sent
            position += part.size

    def _receive(self) -> Span:
        if "chunked" in self.headers.get("Content-Encoding", "") + self.headers.get("Transfer-Encoding", ""):
            raise NotImplementedError("bodies in chunks")
        span = self.server.allocate(int(self.headers.get("Content-Length") or 0))
        view = self.server.memory[span.offset : span.offset + span.size]
        while view:
            count = self.rfile.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise ConnectionError("the body ends early")
            view = view[count:]
        return span

    def _metadata(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}

    def _target(self) -> tuple[str, dict[str, str]]:
        target = urlsplit(self.path)
        query = parse_qs(target.query, keep_blank_values=True)
        return unquote(target.path), {name: values[0] for name, values in query.items()}

    def _xml(self, name: str, content: str, status: int = 200) -> None:
        space = "" if name == "Error" else ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        text = f"<{name}{space}>{content}</{name}>"
        self._answer(status, text.encode(), {"Content-Type": "application/xml"})

    def _answer(self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self._start(status, len(body), headers or {})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _start(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="An S3 that keeps what it gets in memory.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--gigabytes", type=float, required=True)
    options = parser.parse_args()
    Sink(("127.0.0.1", options.port), int(options.gigabytes * 10**9)).serve_forever()


if __name__ == "__main__":
    main()
