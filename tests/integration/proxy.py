# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands before a real HTTP server: remembers what passes, and does to it what a test wants done."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

CHUNK = 16 * 1024  # bytes
HOP = {"connection", "expect", "keep-alive", "transfer-encoding"}


@dataclass
class Exchange:
    """A request and what became of it."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    began: float = field(default_factory=time.monotonic)
    ended: float = float("inf")
    status: int = 0  # 0: no answer
    moved: int = 0  # bytes of its body and the answer's that passed


@dataclass
class Fault:
    """What happens to requests of ``method`` whose target holds ``where``, ``times`` times after ``spared`` others.

    ``deed`` is one of

    - answer: with ``status``, ``headers`` and ``body``; nothing is passed on
    - reset: the connection breaks in the middle of what is sent; of a GET that is the answer
    - cut: the answer ends early, as if in order
    - spoil: a byte of the answer is another
    - unanswered: the connection breaks when the request has been passed on
    - pass: nothing

    ``action`` is called at that moment.
    """

    method: str
    where: str
    deed: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    times: int = 1
    spared: int = 0
    action: Callable[[], object] = lambda: None


class Proxy(ThreadingHTTPServer):
    """``rate`` limits each connection to so many bytes per second."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = urlsplit(upstream).netloc
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.exchanges: list[Exchange] = []
        self.faults: list[Fault] = []
        self.rate = 0
        self._lock = threading.Lock()
        self._alarms: list[tuple[int, Callable[[], object]]] = []
        self._moved = 0

    def handle_error(self, *_details: object) -> None:
        """Nothing: clients are killed here."""

    def asked(self, method: str, where: str) -> list[Exchange]:
        """The requests so far of that method whose target holds ``where``."""
        return [seen for seen in self.exchanges if seen.method == method and where in seen.target]

    def repetition(self, exchange: Exchange) -> Exchange:
        """The next request for the same."""
        same = [seen for seen in self.asked(exchange.method, exchange.target) if seen.began > exchange.ended]
        return next(seen for seen in same if seen.headers.get("range") == exchange.headers.get("range"))

    def after(self, size: int, action: Callable[[], object]) -> None:
        """Call ``action`` once, when ``size`` more bytes have passed."""
        with self._lock:
            self._alarms = [(self._moved + size, action)]

    def find_fault(self, exchange: Exchange) -> Fault:
        with self._lock:
            for fault in self.faults:
                if fault.method != exchange.method or fault.where not in exchange.target:
                    continue
                fault.spared -= 1
                if fault.spared >= 0:
                    continue
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return Fault("", "", "pass")

    def count(self, exchange: Exchange, size: int) -> None:
        with self._lock:
            exchange.moved += size
            self._moved += size
            due = [action for moment, action in self._alarms if self._moved >= moment]
            if due:
                self._alarms = []
        for action in due:
            action()
        if self.rate:
            time.sleep(size / self.rate)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _exchange(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        exchange = Exchange(self.command, self.path, headers)
        self.server.exchanges.append(exchange)
        try:
            self._pass(exchange, self.server.find_fault(exchange))
        except OSError:
            self.close_connection = True  # the client is gone
        exchange.ended = time.monotonic()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _exchange  # noqa: N815  (their names in the base class)

    def _pass(self, exchange: Exchange, fault: Fault) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self._receive(exchange, length // 2 if fault.deed == "reset" else length)
        if fault.deed == "reset" and self.command != "GET":
            fault.action()
            return self._reset()
        if fault.deed == "answer":
            fault.action()
            return self._answer(exchange, fault.status, fault.headers, fault.body)
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP:
                upstream.putheader(name, value)
        upstream.endheaders(bytes(body))
        response = upstream.getresponse()
        content = bytearray(response.read())
        upstream.close()
        fault.action()
        if fault.deed == "unanswered":
            return self._reset()
        if fault.deed == "spoil" and content:
            content[len(content) // 2] ^= 0x80  # the sign or the exponent of a bfloat16
        headers = {name.lower(): value for name, value in response.getheaders() if name.lower() not in HOP}
        if self.command != "HEAD":
            headers["content-length"] = str(len(content))
        broken = fault.deed in ("reset", "cut")
        self._answer(exchange, response.status, headers, content[: len(content) // 2] if broken else content)
        self.close_connection = self.close_connection or broken
        return self._reset() if fault.deed == "reset" else None

    def _receive(self, exchange: Exchange, length: int) -> bytearray:
        body = bytearray()
        while len(body) < length and (chunk := self.rfile.read(min(CHUNK, length - len(body)))):
            body += chunk
            self.server.count(exchange, len(chunk))
        return body

    def _answer(self, exchange: Exchange, status: int, headers: dict[str, str], content: bytes | bytearray) -> None:
        exchange.status = status
        self.send_response_only(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for at in range(0, 0 if self.command == "HEAD" else len(content), CHUNK):
            self.wfile.write(content[at : at + CHUNK])
            self.server.count(exchange, len(content[at : at + CHUNK]))

    def _reset(self) -> None:
        """End the connection as a crash does: without a word of farewell."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for stream in (self.rfile, self.wfile, self.connection):
            stream.close()

    def log_message(self, *_details: object) -> None:
        """Nothing: the exchanges are kept."""
