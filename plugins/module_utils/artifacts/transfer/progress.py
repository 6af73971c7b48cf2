# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long transfer has come, in a file that others read while it runs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .pieces import Piece

EVERY = 0.5  # seconds between two reports


class Progress:
    """Writes a report to ``path``; without one, none.

    A report is JSON: ``what`` is moved, ``done`` of ``total`` bytes in ``seconds``, and ``files`` that are on their
    way, each with ``path``, ``done`` and ``total``.
    """

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path else None
        self._lock = threading.Lock()
        self.begin("", {}, {})

    def begin(self, what: str, sizes: Mapping[str, int], names: Mapping[str, str]) -> None:
        """Blobs with ``sizes`` in bytes are moved next; ``names`` are their paths."""
        with self._lock:
            self._what = what
            self._total = dict(sizes)
            self._names = names
            self._done = dict.fromkeys(sizes, 0)
            self._began = self._written = time.monotonic()

    def moved(self, piece: Piece) -> None:
        """Count a piece that has arrived."""
        if self._path is None:
            return
        with self._lock:
            for segment in piece.segments:
                if segment.blob in self._done:
                    self._done[segment.blob] += segment.size
            now = time.monotonic()
            if now - self._written < EVERY:
                return
            self._written = now
            report = json.dumps(self._report(now))
            staged = self._path.with_name(f"{self._path.name}.staging")
            staged.write_text(report, encoding="utf-8")
            staged.replace(self._path)

    def _report(self, now: float) -> dict[str, Any]:
        on_their_way = [blob for blob, done in self._done.items() if 0 < done < self._total[blob]]
        return {
            "what": self._what,
            "done": sum(self._done.values()),
            "total": sum(self._total.values()),
            "seconds": now - self._began,
            "files": [
                {"path": self._names[blob], "done": self._done[blob], "total": self._total[blob]}
                for blob in on_their_way
            ],
        }
