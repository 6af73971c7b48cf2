# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages as dpkg knows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .local_command import look


def observe_packages(names: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    """Version and hold of each of ``names``; None for one that is not installed."""
    wanted = list(names)
    if not wanted:
        return {}
    # dpkg-query ends with 1 when it does not know one of the names, and still prints the others.
    listing = look(
        "dpkg-query", "--show", "--showformat=${Package}\\t${db:Status-Abbrev}\\t${Version}\\n", *wanted
    ).output
    return {**dict.fromkeys(wanted), **parse_packages(listing)}


def parse_packages(listing: str) -> dict[str, dict[str, Any]]:
    """The installed packages in lines of name, status (``ii``; ``hi`` when held) and version."""
    rows = [line.split("\t") for line in listing.splitlines()]
    return {name: {"version": version, "held": status[0] == "h"} for name, status, version in rows if status[1] == "i"}
