# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long transfer has come, in a file that others read while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from ...progress_file import ProgressFile
from .pieces import Piece
from .report import FileReport, Report

EVERY = 0.5  # seconds between two reports


class Progress:
    """Writes a report to the file ``path``; without one, none."""

    def __init__(self, path: str | None) -> None:
        self._file = ProgressFile(path)
        self._lock = threading.Lock()
        self._what = ""
        self._total: Mapping[str, int] = {}
        self._names: Mapping[str, str] = {}
        self._done: dict[str, int] = {}
        self._began = self._written = 0.0

    def begin(self, what: str, sizes: Mapping[str, int], names: Mapping[str, str]) -> None:
        """Blobs with ``sizes`` in bytes are moved next; ``names`` are their paths."""
        with self._lock:
            self._what = what
            self._total = dict(sizes)
            self._names = names
            self._done = dict.fromkeys(sizes, 0)
            self._began = time.monotonic()
            self._write(self._began)

    def moved(self, piece: Piece) -> None:
        """Count a piece that has arrived."""
        if not self._file.is_read:
            return
        with self._lock:
            for segment in piece.segments:
                if segment.blob in self._done:
                    self._done[segment.blob] += segment.size
            now = time.monotonic()
            if now - self._written >= EVERY:
                self._write(now)

    def _write(self, now: float) -> None:
        self._written = now
        self._file.write(self._report(now).as_json())

    def _report(self, now: float) -> Report:
        on_their_way = (blob for blob, done in self._done.items() if 0 < done < self._total[blob])
        return Report(
            self._what,
            sum(self._done.values()),
            sum(self._total.values()),
            now - self._began,
            tuple(FileReport(self._names[blob], self._done[blob], self._total[blob]) for blob in on_their_way),
        )
