# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTP with a deadline and a size limit, needing nothing but Ansible: it runs on bare hosts."""

from __future__ import annotations

import json
import time
import urllib.error
from typing import Any

from ansible.module_utils.urls import open_url

from ..errors import FleetError

MAX_BODY = 4 * 1024 * 1024  # bytes; a model list is a few kilobytes
CHUNK = 64 * 1024  # bytes


def get_json(url: str, *, api_key: str | None = None, timeout: float = 10.0) -> Any:
    """The decoded JSON body of ``GET url``.

    ``timeout`` is the deadline of the whole exchange in seconds, so a server that drips bytes cannot outlast it.
    Raises FleetError for anything but a 200 with JSON.
    """
    attempted = f"Failed to read {url}"
    deadline = time.monotonic() + timeout
    headers = {"Accept": "application/json"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    try:
        with open_url(url, headers=headers, timeout=timeout, http_agent="inference.fleet") as response:
            body = _read_bounded(response, deadline, attempted)
    except urllib.error.HTTPError as error:
        raise FleetError(attempted, f"HTTP {error.code} {error.reason}", _next_step(error.code)) from error
    except OSError as error:  # URLError, timeouts and connection errors alike
        cause = str(getattr(error, "reason", error))
        raise FleetError(attempted, cause, "Is the service up and the port right?") from error
    try:
        return json.loads(body)
    except ValueError as error:
        start = body[:60].decode("utf-8", "replace")
        raise FleetError(attempted, f"the answer is not JSON but {start!r}", "Is a proxy answering?") from error


def _read_bounded(response: Any, deadline: float, attempted: str) -> bytes:
    body = bytearray()
    while chunk := response.read1(CHUNK):
        body += chunk
        if len(body) > MAX_BODY:
            raise FleetError(attempted, f"the answer is larger than {MAX_BODY} bytes")
        if time.monotonic() > deadline:
            raise FleetError(attempted, "the answer did not end before the deadline")
    return bytes(body)


def _next_step(status: int) -> str:
    if status in (401, 403):
        return "Check api_key."
    if status == 404:
        return "The URL should end in /v1."
    return ""
