# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systemd units: whether they are there, enabled and running, and why one failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..local_command import look

ENABLED = ("enabled", "static")  # a static one has nothing to enable: something else starts it
TELLING = ("failed to", "error", "fatal", "unable", "cannot", "invalid", "conflict")


def observe_units(patterns: Iterable[str]) -> dict[str, dict[str, Any]]:
    """State of each unit that one of ``patterns`` (names; globs match loaded units) names."""
    wanted = list(patterns)
    if not wanted:
        return {}
    properties = "--property=Id,LoadState,ActiveState,UnitFileState"
    return parse_units(look("systemctl", "show", properties, *wanted).output)


def parse_units(text: str) -> dict[str, dict[str, Any]]:
    """Units by name from ``systemctl show``: blocks of ``key=value`` lines."""
    units = {}
    for block in text.strip().split("\n\n"):
        entries = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if entries.get("LoadState", "not-found") != "not-found":
            units[entries["Id"]] = {
                "enabled": entries.get("UnitFileState") in ENABLED,
                "active": entries.get("ActiveState") == "active",
                "state": entries.get("ActiveState", ""),
            }
    return units


def why_it_failed(unit: str) -> str:
    """The line of the unit's journal that says most about why it is not running."""
    return telling_line(look("journalctl", "--unit", unit, "--lines", "40", "--output", "cat", "--no-pager").output)


def telling_line(journal: str) -> str:
    """The last line of ``journal`` that complains, else its last line."""
    lines = [line.strip() for line in journal.splitlines() if line.strip()]
    mine = [
        line for line in lines if not line.startswith(("Failed to start", "Dependency failed"))
    ]  # systemd's summary
    complaints = [line for line in mine if any(word in line.lower() for word in TELLING) and "level=info" not in line]
    own_words = [line for line in complaints if "systemd" not in line and "Failed with result" not in line]
    return (own_words or complaints or mine or lines or ["its journal is empty"])[-1]
