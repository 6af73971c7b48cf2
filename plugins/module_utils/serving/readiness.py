# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do endpoints serve? Asked from here, or from inside a container's network."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Iterable
from typing import Any

from ..docker.cli import docker
from ..errors import FleetError
from . import probe

GRACE = 90.0  # seconds beyond the deadline for the requests that are under way then
RETURNS_WITHIN = 60.0  # seconds that a container to ask from has, for after a reboot it comes back like all others
PAUSE = 2.0  # seconds


def probe_endpoints(endpoints: list[dict[str, Any]], timeout: float, via: str = "") -> list[dict[str, Any]]:
    """The outcome for each endpoint, as ``probe`` describes it.

    ``via`` names a container of this host with a ``python3``, in whose network the requests are made. Keys go there
    through standard input, so that no process list shows them.
    """
    if not via:
        return probe.probe(endpoints, timeout)
    began = time.monotonic()
    while True:
        try:
            return _probe_inside(via, endpoints, max(0.0, began + timeout - time.monotonic()))
        except FleetError:
            if time.monotonic() - began + PAUSE > min(timeout, RETURNS_WITHIN):
                raise
        time.sleep(PAUSE)


def _probe_inside(via: str, endpoints: list[dict[str, Any]], timeout: float) -> list[dict[str, Any]]:
    script = inspect.getsource(probe)
    # The script is an argument, for standard input carries what only it may know.
    output = docker(
        *("exec", "--interactive", via, "python3", "-I", "-c", script),
        attempted=f"Failed to ask {', '.join(endpoint['name'] for endpoint in endpoints)} from inside {via}",
        stdin=json.dumps({"endpoints": endpoints, "timeout": timeout}),
        timeout=timeout + GRACE,
    )
    outcomes: list[dict[str, Any]] = json.loads(output)
    return outcomes


def require_ready(outcomes: Iterable[dict[str, Any]], timeout: float) -> None:
    """Raise FleetError, naming every endpoint of ``outcomes`` that does not serve."""
    silent = [outcome for outcome in outcomes if not outcome["ready"]]
    if silent:
        raise FleetError(
            f"Failed to get an answer from {', '.join(outcome['name'] for outcome in silent)} within {timeout:.0f} s",
            "; ".join(f"{outcome['name']}: {outcome['error']}" for outcome in silent),
            f"Look at `docker logs {silent[0]['name']}` on its host.",
        )
