# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading from Docker's engine at its socket: a few milliseconds a question, where each docker command costs fifty."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from ..errors import FleetError

SOCKET = "/var/run/docker.sock"
TIMEOUT = 30.0  # seconds; an engine that recovers a swarm can take some to answer


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._path)


def engine_get(resource: str, path: str = SOCKET) -> Any:
    """The decoded answer to ``GET resource``; None where no engine listens at ``path``."""
    connection = _SocketConnection(path)
    try:
        connection.request("GET", resource)
        response = connection.getresponse()
        body = response.read()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except (OSError, http.client.HTTPException) as error:
        raise FleetError(
            f"Failed to ask the Docker engine for {resource}",
            str(error) or "no answer",
            "Look at `journalctl -u docker`.",
        ) from error
    finally:
        connection.close()
    if response.status != 200:
        raise FleetError(f"Failed to ask the Docker engine for {resource}", _message(body))
    return json.loads(body)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return body[:200].decode("utf-8", "replace")
