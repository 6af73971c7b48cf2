# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP for large things in pieces: straight into a buffer, over connections that break.

Needs nothing but the distribution's Python. Each thread keeps its own connections.
"""

from __future__ import annotations

import base64
import http.client
import re
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

CONNECT_TIMEOUT = 10  # seconds
READ_TIMEOUT = 60  # seconds without a byte
TRIES = 5
PAUSE = 1.0  # seconds before the second try; doubles with each
LONGEST_PAUSE = 60.0  # seconds, whatever Retry-After says
SKIM = 1024 * 1024  # bytes thrown away at a time where a server does not know ranges
BROKEN = (OSError, http.client.HTTPException)
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Answer:
    """A whole answer, for what is small."""

    status: int
    headers: Mapping[str, str]  # their names in lower case
    body: bytes


class HttpError(Exception):
    """An answer that is final: neither success nor worth another try."""

    def __init__(self, where: str, answer: Answer) -> None:
        super().__init__(f"{where}: HTTP {answer.status}")
        self.where = where
        self.answer = answer
        self.status = answer.status

    @property
    def code(self) -> str:
        """What an S3 server calls it."""
        match = re.search(rb"<Code>([^<]*)</Code>", self.answer.body)
        return match[1].decode("ascii", "replace") if match else ""


class UnreachableError(Exception):
    """Every try failed. ``reason`` is what the last one said."""

    def __init__(self, where: str, reason: BaseException | str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class _PassingError(Exception):
    """An answer that asks for another try."""

    def __init__(self, status: int, wait: float) -> None:
        super().__init__(f"HTTP {status}")
        self.wait = wait


class Client:
    """``ca`` are certificates in PEM form that are trusted beside the system's.

    ``tries`` in a row that bring nothing are made before it gives up.
    """

    def __init__(self, ca: str = "", tries: int = TRIES) -> None:
        self._tries = tries
        self._tls = ssl.create_default_context()
        if ca:
            self._tls.load_verify_locations(cadata=ca)
        self._proxies = urllib.request.getproxies()
        self._local = threading.local()

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, method: str = "GET") -> Answer:
        """The answer, which may be a redirect; HttpError for anything above, UnreachableError where none comes."""

        def attempt() -> Answer:
            return _read(self._send(method, url, headers or {}))

        return _persist(where(url), attempt, self._tries)

    def put(self, url: str, body: memoryview) -> Answer:
        """The answer to ``body``."""

        def attempt() -> Answer:
            return _read(self._send("PUT", url, {}, body))

        return _persist(where(url), attempt, self._tries)

    def read_into(self, url: str, start: int, view: memoryview, headers: Mapping[str, str] | None = None) -> None:
        """Fill ``view`` with what ``url`` has from byte ``start`` on; what a broken connection brought is kept."""
        filled = 0

        def attempt() -> int:
            nonlocal filled
            before = filled
            first, last = start + filled, start + len(view) - 1
            response = self._send("GET", url, {**(headers or {}), "Range": f"bytes={first}-{last}"})
            if response.status not in (200, 206):
                raise HttpError(where(url), _read(response))
            try:
                if response.status == 200 and response.getheader("Content-Range") is None:
                    _skim(response, first, last)
                while filled < len(view) and (count := response.readinto(view[filled:])):
                    filled += count
                if filled < len(view):
                    raise http.client.IncompleteRead(b"", len(view) - filled)
            except BROKEN:
                self._forget(url)
                if filled > before:
                    return filled  # it brought something: the tries are counted anew
                raise
            if not response.isclosed():
                self._forget(url)  # the rest of a body that nobody wants
            return filled

        while filled < len(view):
            _persist(where(url), attempt, self._tries)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: memoryview | None = None
    ) -> http.client.HTTPResponse:
        """The response with its body to read, after another try where a connection that was kept has gone stale."""
        target = urlsplit(url)
        used = target.scheme + target.netloc in self._connections()
        try:
            try:
                return self._ask(method, target, headers, body)
            except (http.client.RemoteDisconnected, ConnectionError):
                self._forget(url)
                if not used:
                    raise
                return self._ask(method, target, headers, body)
        except BROKEN:
            self._forget(url)
            raise

    def _ask(
        self, method: str, target: SplitResult, headers: Mapping[str, str], body: memoryview | None
    ) -> http.client.HTTPResponse:
        connection = self._connections().get(target.scheme + target.netloc)
        if connection is None:
            connection = self._connections()[target.scheme + target.netloc] = self._connect(target)
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        if target.scheme == "http" and self._proxy(target):
            path = target._replace(fragment="").geturl()
        headers = {"User-Agent": "inference.fleet", **self._proxy_login(target), **headers}
        try:
            connection.request(method, path, body, headers)
        except (BrokenPipeError, ConnectionResetError):  # a refusal may have come before all was sent
            del self._connections()[target.scheme + target.netloc]
        response = connection.getresponse()
        if response.status == 429 or response.status >= 500:
            wait = _seconds(response.getheader("Retry-After"))
            _read(response)
            raise _PassingError(response.status, wait)
        if response.status >= 400:
            raise HttpError(where(target.geturl()), _read(response))
        return response

    def _connect(self, target: SplitResult) -> http.client.HTTPConnection:
        proxy = self._proxy(target)
        host, port = (proxy or target).hostname or "", (proxy or target).port
        connection = http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT)
        if target.scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=CONNECT_TIMEOUT, context=self._tls)
            if proxy:
                connection.set_tunnel(target.hostname or "", target.port, _login(proxy))
        connection.connect()
        connection.sock.settimeout(READ_TIMEOUT)
        return connection

    def _proxy(self, target: SplitResult) -> SplitResult | None:
        proxy = self._proxies.get(target.scheme)
        if not proxy or urllib.request.proxy_bypass(target.hostname or ""):
            return None
        return urlsplit(proxy if "://" in proxy else f"http://{proxy}")

    def _proxy_login(self, target: SplitResult) -> Mapping[str, str]:
        proxy = self._proxy(target)
        return _login(proxy) if proxy and target.scheme == "http" else {}

    def _connections(self) -> dict[str, http.client.HTTPConnection]:
        connections: dict[str, http.client.HTTPConnection] = self._local.__dict__.setdefault("connections", {})
        return connections

    def _forget(self, url: str) -> None:
        target = urlsplit(url)
        connection = self._connections().pop(target.scheme + target.netloc, None)
        if connection:
            connection.close()


def where(url: str) -> str:
    """The URL as messages show it: a presigned one is as good as a credential."""
    return url.partition("?")[0]


def _persist(place: str, attempt: Callable[[], Outcome], tries: int) -> Outcome:
    pause = PAUSE
    for tried in range(1, tries + 1):
        try:
            return attempt()
        except ssl.SSLCertVerificationError as error:  # noqa: PERF203  (a request costs more)
            raise UnreachableError(place, error) from error
        except (_PassingError, *BROKEN) as error:
            if tried == tries:
                raise UnreachableError(place, error) from error
            wait = error.wait if isinstance(error, _PassingError) else 0
            time.sleep(max(pause, wait))
            pause *= 2
    raise AssertionError


def _read(response: http.client.HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def _skim(response: http.client.HTTPResponse, first: int, last: int) -> None:
    """Read over what was not asked for, where a server sends the whole file in answer to a range."""
    if response.length == last - first + 1:
        return  # it does know ranges, only not the status that says so
    scratch = memoryview(bytearray(min(first, SKIM)))
    while first and (count := response.readinto(scratch[: min(first, SKIM)])):
        first -= count


def _seconds(retry_after: str | None) -> float:
    """Of a Retry-After header; the form with a date is rare enough to do without."""
    return min(float(retry_after), LONGEST_PAUSE) if retry_after and retry_after.isdigit() else 0.0


def _login(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    secret = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(secret).decode()}
