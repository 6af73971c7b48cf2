# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading pieces of a tar that lies behind a presigned URL, over connections that break."""

from __future__ import annotations

import re
import ssl
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible.module_utils.urls import open_url

from ..errors import FleetError

CHUNK = 1024 * 1024  # bytes
SKIP = 4 * CHUNK  # a gap this small is read over rather than asked anew
TRIES = 4  # connections in a row that bring nothing, before we give up
TIMEOUT = 60  # seconds without a byte
PAUSE = 1  # seconds before another try, times the tries


class RemoteTar:
    """The tar in the store, read forwards, reconnecting where a connection ends early."""

    def __init__(self, url: str, ca_path: str | None, attempted: str) -> None:
        self._url = url  # presigned: as good as a credential, so no message has all of it
        self._ca_path = ca_path
        self._attempted = attempted
        self._response: Any = None
        self._position = 0
        self._buffer = bytearray(CHUNK)
        self.received = 0

    def __enter__(self) -> RemoteTar:
        return self

    def __exit__(self, *_details: object) -> None:
        self._close()

    def read(self, start: int, size: int) -> Iterator[memoryview]:
        """The bytes from ``start`` on; each view is valid until the next is asked for."""
        fruitless = 0
        end = start + size
        while start < end:
            try:
                self._seek(start)
                count = self._advance(end - start)
            except FleetError:
                raise
            except Exception as error:  # resets, timeouts, refused connections, half an HTTP answer
                self._close()
                fruitless += 1
                reason = getattr(error, "reason", error)
                if isinstance(reason, ssl.SSLCertVerificationError):
                    step = "Set model_store_s3_ca to the certificates of the store's authority."
                    raise FleetError(self._attempted, f"reading {self.where}: {reason}", step) from error
                if fruitless == TRIES:
                    step = "Can this host reach the store? What was fetched is kept; run again."
                    raise FleetError(self._attempted, f"reading {self.where}: {reason}", step) from error
                time.sleep(fruitless * PAUSE)
                continue
            fruitless = 0
            start += count
            self.received += count
            yield memoryview(self._buffer)[:count]

    @property
    def where(self) -> str:
        """The URL as messages show it."""
        return self._url.partition("?")[0]

    def _seek(self, start: int) -> None:
        if self._response is None or not 0 <= start - self._position <= SKIP:
            self._open(start)
        while self._position < start:
            self._advance(start - self._position)

    def _advance(self, most: int) -> int:
        count: int = self._response.readinto(memoryview(self._buffer)[: min(CHUNK, most)])
        if not count:
            raise ConnectionError("the connection ended early")
        self._position += count
        return count

    def _open(self, start: int) -> None:
        self._close()
        try:
            self._response = open_url(
                self._url,
                headers={"Range": f"bytes={start}-"},
                timeout=TIMEOUT,
                ca_path=self._ca_path,
                decompress=False,
                use_netrc=False,
                http_agent="inference.fleet",
            )
        except urllib.error.HTTPError as error:
            if error.code >= 500 or error.code == 429:
                raise ConnectionError(f"HTTP {error.code}") from error
            raise FleetError(self._attempted, *_http_cause(error, self.where)) from error
        # A server that does not know ranges sends everything from the start.
        self._position = start if self._response.status == 206 else 0

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


@contextmanager
def ca_file(pem: str) -> Iterator[str | None]:
    """The path of a file with the certificates, while in the context; None where there are none."""
    if not pem:
        yield None
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        yield file.name


def _http_cause(error: urllib.error.HTTPError, where: str) -> tuple[str, str]:
    body = error.read(64 * 1024).decode("utf-8", "replace")
    match = re.search(r"<Code>([^<]*)</Code>", body)
    code = match.group(1) if match else ""
    cause = f"reading {where}: HTTP {error.code} {code or error.reason}"
    if error.code == 404:
        return cause, "Publish the model first (playbooks/publish.yml)."
    if "expired" in body.lower():
        return f"{cause}, the address has expired", "Run again; what was fetched is kept."
    if code == "RequestTimeTooSkewed" or "not yet valid" in body.lower():
        return cause, "Set the clocks of the publisher and the store."
    return cause, "May model_store_s3_access_key read the bucket?"
