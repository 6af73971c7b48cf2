# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files tell apt of a package repository, in the one-line style or in stanzas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ETC = Path("/etc/apt")
LINE = re.compile(r"deb(?:-src)?\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)")
FIELD = re.compile(r"^(uris|suites|enabled):[ \t]*((?:.*)(?:\n[ \t]+.*)*)", re.MULTILINE | re.IGNORECASE)
COMMENT = re.compile(r"^#.*\n?", re.MULTILINE)

Repository = tuple[str, str]  # URL and suite


def files_naming(repositories: Iterable[Repository], architecture: str, etc: Path = ETC) -> list[str]:
    """The files that name one of ``repositories``; ``architecture`` is the host's, as apt calls it."""
    wanted = {_plain(*repository, architecture) for repository in repositories}
    places = [etc / "sources.list", *sorted(etc.glob("sources.list.d/*"))]
    return [
        str(place) for place in places if wanted & {_plain(*named, architecture) for named in _repositories_in(place)}
    ]


def _repositories_in(place: Path) -> Iterator[Repository]:
    if place.suffix not in (".list", ".sources") or not place.is_file():
        return
    text = COMMENT.sub("", place.read_text(encoding="utf-8", errors="replace"))
    if place.suffix == ".list":
        yield from ((match[1], match[2]) for line in text.splitlines() if (match := LINE.match(line.strip())))
        return
    for stanza in re.split(r"\n\s*\n", text):
        fields = {name.lower(): value.split() for name, value in FIELD.findall(stanza)}
        if fields.get("enabled") not in (["no"], ["false"], ["0"]):
            yield from ((url, suite) for url in fields.get("uris", []) for suite in fields.get("suites", []))


def _plain(url: str, suite: str, architecture: str) -> Repository:
    """As two spellings of the same repository have in common."""
    return url.replace("$(ARCH)", architecture).rstrip("/"), suite.replace("$(ARCH)", architecture).strip("./") or "/"
