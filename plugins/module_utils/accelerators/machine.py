# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked about accelerators, and of whom: files, commands and the Docker engine of one machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from ..docker.api import engine_get
from ..errors import FleetError
from ..local_command import Outcome, look

MISSING = 127  # the status of a command that is not there


@dataclass(frozen=True)
class Machine:
    """A machine; tests give their own ``root``, ``run`` and ``engine``."""

    root: Path = Path("/")
    run: Callable[..., Outcome] = look
    engine: Callable[[str], Any] = engine_get

    def text(self, path: str) -> str:
        """The file's text; empty where it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return (self.root / path).exists()

    def names(self, path: str) -> list[str]:
        """What is in the folder, sorted; nothing where there is none."""
        try:
            return sorted(entry.name for entry in (self.root / path).iterdir())
        except OSError:
            return []

    def ask_engine(self, resource: str) -> Any:
        """The engine's answer; None where there is none."""
        try:
            return self.engine(resource)
        except FleetError:
            return None


def number(text: str | None) -> int | None:
    """The whole number at the start of ``text`` (``81559 MiB``); None for N/A, [N/A] and the like."""
    word = (text or "").strip().split(" ")[0]
    return int(float(word)) if word.replace(".", "", 1).isdigit() else None


def said(text: str | None) -> str | None:
    """``text``; None where the tool says that it does not know."""
    word = (text or "").strip()
    return None if word.strip("[]").lower() in ("", "n/a", "none", "not supported", "unknown error") else word
