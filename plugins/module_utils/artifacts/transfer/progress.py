# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long transfer has come, in a file that others read while it runs."""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from .pieces import Piece
from .report import FileReport, Report

EVERY = 0.5  # seconds between two reports


class Progress:
    """Writes a report to ``path``; without one, none.

    The file is there from the first byte to the end of this process. Its folder is made if need be, for us alone, and
    goes with it. No transfer fails because nobody can be told of it.
    """

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path else None
        self._staged = self._path.with_name(f"{self._path.name}.staging") if self._path else None
        self._made_folder = False
        self._lock = threading.Lock()
        self._what = ""
        self._total: Mapping[str, int] = {}
        self._names: Mapping[str, str] = {}
        self._done: dict[str, int] = {}
        self._began = self._written = 0.0
        if path:
            atexit.register(self._remove)

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
        if self._path is None:
            return
        with self._lock:
            for segment in piece.segments:
                if segment.blob in self._done:
                    self._done[segment.blob] += segment.size
            now = time.monotonic()
            if now - self._written >= EVERY:
                self._write(now)

    def _write(self, now: float) -> None:
        if self._path is None or self._staged is None:
            return
        self._written = now
        with contextlib.suppress(OSError):
            if not self._path.parent.exists():
                self._path.parent.mkdir(mode=0o700)
                self._made_folder = True
            self._staged.unlink(missing_ok=True)
            with self._staged.open("x", encoding="utf-8") as staged:  # whatever link others put there is not followed
                staged.write(self._report(now).as_json())
            self._staged.replace(self._path)

    def _report(self, now: float) -> Report:
        on_their_way = (blob for blob, done in self._done.items() if 0 < done < self._total[blob])
        return Report(
            self._what,
            sum(self._done.values()),
            sum(self._total.values()),
            now - self._began,
            tuple(FileReport(self._names[blob], self._done[blob], self._total[blob]) for blob in on_their_way),
        )

    def _remove(self) -> None:
        if self._path is None or self._staged is None:
            return
        with contextlib.suppress(OSError):
            self._staged.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
            if self._made_folder:
                self._path.parent.rmdir()
