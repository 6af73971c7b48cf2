# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting a peer server under systemd, which confines it and cleans up after it."""

from __future__ import annotations

import inspect
import secrets
import socket
import time
from pathlib import Path

from ..errors import FleetError
from ..local_command import look
from . import peer_server

UNIT = "inference-fleet-model-share"
FOLDER = Path("/run/inference.fleet/model-share")
STARTS_WITHIN = 15.0  # seconds
PROPERTIES = (
    "DynamicUser=yes",
    "ProtectHome=yes",
    "PrivateDevices=yes",
    "CapabilityBoundingSet=",
    "RestrictAddressFamilies=AF_INET AF_INET6",
)


def share(cache: Path, address: str, port: int, idle: int) -> str:
    """Start a server for the blobs in ``cache``, in place of one that runs; its URL, which is a secret."""
    attempted = f"Failed to share {cache} at {address}:{port}"
    token = secrets.token_urlsafe(32)
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        program, secret = FOLDER / "peer_server.py", FOLDER / "token"
        program.write_text(inspect.getsource(peer_server), encoding="utf-8")
        secret.touch(mode=0o600)
        secret.write_text(token, encoding="utf-8")
    except OSError as error:
        raise FleetError(attempted, str(error), "May we write there?") from error
    look("systemctl", "stop", f"{UNIT}.service")
    started = look(
        "systemd-run",
        f"--unit={UNIT}",
        "--collect",
        f"--property=StandardInput=file:{secret}",
        *(f"--property={property_}" for property_ in PROPERTIES),
        *("python3", "-I", "-S", str(program), str(cache), address, str(port), str(idle)),
    )
    if started.status != 0:
        raise FleetError(
            attempted, started.complaint, "A host without systemd cannot share: set model_cache_peers to false."
        )
    _await(attempted, address, port)
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}/{token}"


def _await(attempted: str, address: str, port: int) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while cause := _silence(address, port):
        if time.monotonic() > deadline:
            step = f"See `journalctl -u {UNIT}`; is {address} this host's address, and the port free?"
            raise FleetError(attempted, cause, step)
        time.sleep(0.05)


def _silence(address: str, port: int) -> str:
    """Why nothing answers; empty where something does."""
    try:
        socket.create_connection((address, port), 1).close()
    except OSError as error:
        return str(error)
    return ""
