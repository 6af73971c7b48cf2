# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages as dpkg knows them."""

from __future__ import annotations

from collections.abc import Iterable

from ..local_command import look


def observe_packages(names: Iterable[str]) -> tuple[dict[str, str | None], list[str]]:
    """The version of each of ``names``, None for one that is not installed; and which of them are held."""
    wanted = list(names)
    if not wanted:
        return {}, []
    # dpkg-query ends with 1 when it does not know one of the names, and still prints the others.
    listing = look(
        "dpkg-query", "--show", "--showformat=${Package}\\t${db:Status-Abbrev}\\t${Version}\\n", *wanted
    ).output
    versions, held = parse_packages(listing)
    return {**dict.fromkeys(wanted), **versions}, held


def parse_packages(listing: str) -> tuple[dict[str, str], list[str]]:
    """Versions and holds in lines of name, status (``ii`` is installed; ``hi``, and held) and version."""
    rows = [line.split("\t") for line in listing.splitlines()]
    installed = {name: version for name, status, version in rows if status[1] == "i"}
    return installed, [name for name, status, _version in rows if status == "hi "]
