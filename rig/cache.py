# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What outlives a fleet: ``${XDG_CACHE_HOME:-~/.cache}/inference.fleet``, and locks between rigs running at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache() -> Path:
    """The cache directory; deleting it costs time, nothing else."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "inference.fleet"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Alone, among all rigs of this machine, with what is called ``name``."""
    with _lock_file(name) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def using_engine() -> Iterator[None]:
    """While this lasts no other rig stops the engine."""
    with _lock_file("engine-users") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def last_user_of_engine() -> Iterator[bool]:
    """Whether no other rig uses the engine; none starts to while this lasts."""
    with _lock_file("engine-users") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _lock_file(name: str) -> Iterator[int]:
    folder = cache() / "locks"
    folder.mkdir(exist_ok=True)
    file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield file
    finally:
        os.close(file)
