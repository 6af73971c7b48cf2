# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP exchange that ends by its deadline and takes no more than its share of memory, whatever the server does.

Also a program that needs nothing but the standard library, so that it can run where a module cannot: inside a container
on a network that the host is not on. It reads requests from standard input, one JSON document a line, each with an
``id``, makes them side by side, and prints the answers in the order in which they come.

A request is ``{url, method, headers, body, timeout, ca}``: ``body`` is text, ``timeout`` seconds for all of it, ``ca``
PEM text. An answer is ``{status, headers, body, problem, detail}``: ``status`` is 0 where none came. ``problem`` is
empty for a whole answer, else one of ``unreachable``, ``tls``, ``timeout``, ``not_http``, ``cut`` (``body`` is what
came before), ``too_large`` or ``invalid`` (nothing was sent), and ``detail`` says more.
"""

from __future__ import annotations

import functools
import http.client
import io
import json
import socket
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import SplitResult, urlsplit

MAX_BODY = 4 * 1024 * 1024  # bytes
CHUNK = 64 * 1024  # bytes
SIDE_BY_SIDE = 64  # requests of the program


class _BoundedSocket:
    """What http.client needs of a socket, all of it before ``deadline`` (monotonic seconds), however it drips."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock = sock
        self.deadline = deadline

    def _arm(self) -> socket.socket:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock.settimeout(left)
        return self.sock

    def sendall(self, data: bytes) -> None:
        self._arm().sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def receive(self, buffer: Any) -> int:
        return self._arm().recv_into(buffer)

    def close(self) -> None:
        """http.client closes while the answer is still to be read; ``exchange`` closes the socket itself."""


class _Incoming(io.RawIOBase):
    def __init__(self, sock: _BoundedSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.receive(buffer)


def exchange(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``request``; what goes wrong is part of it."""
    answer: dict[str, Any] = {"status": 0, "headers": {}, "body": "", "problem": "", "detail": ""}
    body = bytearray()
    try:
        _converse(request, answer, body)
    except ssl.SSLCertVerificationError as error:
        answer.update(problem="tls", detail=error.verify_message)
    except ssl.SSLError as error:
        answer.update(problem="tls", detail=error.reason or str(error))
    except socket.timeout:  # TimeoutError since Python 3.10
        answer.update(problem="timeout", detail=f"no whole answer within {request['timeout']:g} s")
    except http.client.IncompleteRead:
        answer.update(problem="cut", detail="the connection was closed in the middle of the answer")
    except http.client.RemoteDisconnected:
        answer.update(problem="cut", detail="the connection was closed without an answer")
    except http.client.InvalidURL as error:
        answer.update(problem="invalid", detail=str(error))
    except http.client.HTTPException as error:
        answer.update(problem="not_http", detail=f"{type(error).__name__} {str(error)[:80]!r}")
    except ConnectionResetError:
        answer.update(problem="cut", detail="the connection was reset")
    except OSError as error:
        answer.update(problem="unreachable", detail=error.strerror or str(error))
    except ValueError as error:
        answer.update(problem="not_http" if answer["status"] else "invalid", detail=str(error)[:200])
    answer["body"] = body.decode("utf-8", "replace")
    return answer


def _converse(request: dict[str, Any], answer: dict[str, Any], body: bytearray) -> None:
    target = urlsplit(request["url"])
    if target.scheme not in ("http", "https") or not target.hostname:
        raise ValueError(f"{request['url']} is no URL of a server; it should begin with http:// or https://")
    sock = _connect(target, request.get("ca") or "", time.monotonic() + request["timeout"])
    try:
        connection = http.client.HTTPConnection(target.hostname, target.port)
        connection.sock = sock
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        data = request.get("body")
        headers = {"Connection": "close", "User-Agent": "inference.fleet", **request.get("headers", {})}
        connection.request(request.get("method", "GET"), path, None if data is None else data.encode(), headers)
        response = connection.getresponse()
        answer.update(status=response.status, headers={name.lower(): text for name, text in response.getheaders()})
        while chunk := response.read1(CHUNK):
            body += chunk
            if len(body) > MAX_BODY:
                answer.update(problem="too_large", detail=f"the answer is larger than {MAX_BODY} bytes")
                return
        if response.length:  # bytes that were announced and did not come
            raise http.client.IncompleteRead(b"", response.length)
    finally:
        sock.sock.close()


def _connect(target: SplitResult, ca: str, deadline: float) -> Any:
    port = target.port or (443 if target.scheme == "https" else 80)
    context = _tls(ca) if target.scheme == "https" else None
    failure: OSError | None = None
    for family, kind, protocol, _name, address in socket.getaddrinfo(target.hostname, port, type=socket.SOCK_STREAM):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(max(0.001, deadline - time.monotonic()))
            plain.connect(address)
            sock = context.wrap_socket(plain, server_hostname=target.hostname) if context else plain
        except OSError as error:
            plain.close()
            failure = error
        else:
            return _BoundedSocket(sock, deadline)
    raise failure or OSError("the name has no address")


@functools.lru_cache(maxsize=16)
def _tls(ca: str) -> ssl.SSLContext:
    """Made once for all connections, for it reads the system's certificates."""
    try:
        return ssl.create_default_context(cadata=ca or None)
    except ssl.SSLError as error:
        raise ValueError("the certificates to trust are none in PEM form") from error


def main() -> None:
    """The program."""
    printing = threading.Lock()

    def serve(line: str) -> None:
        request = json.loads(line)
        answer = json.dumps({"id": request["id"], **exchange(request)})
        with printing:
            sys.stdout.write(answer + "\n")
            sys.stdout.flush()

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for line in sys.stdin:
            pool.submit(serve, line)


if __name__ == "__main__":
    main()
