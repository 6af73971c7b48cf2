# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file in which a module says how far it is, for others to read while it runs."""

from __future__ import annotations

import atexit
import contextlib
import json
import threading
from pathlib import Path


class ProgressFile:
    """The file at ``path``; without one, none.

    It is there from the first word to the end of this process. Its folder is made if need be, for us alone, and goes
    with it. No work fails because nobody can be told of it.
    """

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path else None
        self._staged = self._path.with_name(f"{self._path.name}.staging") if self._path else None
        self._made_folder = False
        if path:
            atexit.register(self._remove)

    @property
    def is_read(self) -> bool:
        """Whether somebody wants to know."""
        return self._path is not None

    def write(self, text: str) -> None:
        """Say ``text`` instead of what was said before."""
        if self._path is None or self._staged is None:
            return
        with contextlib.suppress(OSError):
            if not self._path.parent.exists():
                self._path.parent.mkdir(mode=0o700)
                self._made_folder = True
            self._staged.unlink(missing_ok=True)
            with self._staged.open("x", encoding="utf-8") as staged:  # whatever link others put there is not followed
                staged.write(text)
            self._staged.replace(self._path)

    def _remove(self) -> None:
        if self._path is None or self._staged is None:
            return
        with contextlib.suppress(OSError):
            self._staged.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
            if self._made_folder:
                self._path.parent.rmdir()


class Stages:
    """What each of several things is at, told by ``file`` as it changes."""

    def __init__(self, file: ProgressFile) -> None:
        self._file = file
        self._stages: dict[str, str] = {}
        self._lock = threading.Lock()

    def reached(self, name: str, stage: str) -> None:
        """``name`` is at ``stage`` now; from any thread."""
        with self._lock:
            if stage and self._stages.get(name) != stage:
                self._stages[name] = stage
                self._file.write(json.dumps({"stages": self._stages}))


def parse_stages(text: str) -> list[str]:
    """The lines that ``Stages`` wrote; none for anything else, as of a file that is not there yet."""
    try:
        return [f"{name}: {stage}" for name, stage in json.loads(text)["stages"].items()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
