# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room on a file system, also for a directory that is not there yet."""

from __future__ import annotations

import os
from pathlib import Path

from .system import GIB


def free_gib(path: Path) -> float:
    """What root can still write below ``path``, or below its nearest existing parent."""
    while not path.exists():
        path = path.parent
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize / GIB


def used_gib(path: Path) -> float:
    """What the files below ``path`` occupy; hard links and symlinks count once, as on disk."""
    seen: dict[tuple[int, int], int] = {}
    for directory, _folders, files in os.walk(path):
        for name in files:
            try:
                status = os.lstat(os.path.join(directory, name))
            except OSError:  # gone meanwhile
                continue
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values()) / GIB
