# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as a service: does it run, would it start with this configuration, and does it come back."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from ..errors import FleetError
from ..host.units import observe_units, why_it_failed
from ..local_command import SYSTEM_PATH, look
from .api import engine_get

UNIT = "docker.service"
RESTARTED_WITHIN = 300.0  # seconds; containers get their time to stop, and a swarm to be found again
ANSWERS_WITHIN = 30.0  # seconds, once systemd calls it started
PREFIX = "unable to configure the Docker daemon"  # with file …, if the file is to blame
SWARM_STATE = Path("/var/lib/docker/swarm/docker-state.json")


def is_installed() -> bool:
    """Whether there is an engine on this host."""
    return shutil.which("dockerd", path=SYSTEM_PATH) is not None


def is_running() -> bool:
    """Whether the engine is meant to run now, be it that it is just being started again."""
    return observe_units([UNIT]).get(UNIT, {}).get("state") in ("active", "activating", "reloading")


def in_swarm() -> bool:
    """Whether this host is a node of a swarm, as the engine says or, where it does not run, its own files."""
    info = engine_get("/info")
    if info is None:
        return SWARM_STATE.exists()
    return bool((info.get("Swarm") or {}).get("LocalNodeState") not in (None, "", "inactive"))


def refusal(text: str) -> str:
    """Why the engine would not take the configuration ``text``; empty where it would.

    It is asked with the flags that it runs with: an option given in both places keeps it from starting.
    """
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as candidate:
        candidate.write(text)
        candidate.flush()
        outcome = look("dockerd", "--validate", f"--config-file={candidate.name}", *_running_flags())
        complaint = outcome.complaint.splitlines()[-1] if outcome.complaint else outcome.output.strip()
        # An engine older than 23.0 cannot be asked; then its restart tells.
        if outcome.status == 0 or "unknown flag: --validate" in outcome.complaint:
            return ""
        return complaint.rpartition(candidate.name)[2].rpartition(PREFIX)[2].lstrip(": ")


def restart() -> str:
    """Restart the engine; why it does not come back, or nothing."""
    look("systemctl", "reset-failed", UNIT, "docker.socket")  # earlier failures count against its next start
    outcome = look("systemctl", "restart", UNIT, timeout=RESTARTED_WITHIN)
    if outcome.status == 124:
        return f"it did not start within {RESTARTED_WITHIN:.0f} s"
    if outcome.status != 0:
        return why_it_failed(UNIT)
    deadline = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < deadline:
        if _answers() and is_running():
            return ""
        time.sleep(0.2)
    return why_it_failed(UNIT)


def _answers() -> bool:
    try:
        return engine_get("/info") is not None
    except FleetError:
        return False


def _running_flags() -> list[str]:
    """What the running engine was started with, its configuration file aside; nothing where none runs."""
    pid = look("systemctl", "show", "--property=MainPID", "--value", UNIT).output.strip()
    try:
        words = Path("/proc", pid or "0", "cmdline").read_bytes().decode().split("\0")[1:-1]
    except OSError:
        return []
    return [
        word for before, word in zip(["", *words], words) if "--config-file" not in (before, word.partition("=")[0])
    ]
