# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What whole processes cost: seconds, CPU, memory, and the disk that they need at most."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

MB = 10**6
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
LOOK_EVERY = 0.05  # seconds, at the disk


@dataclass(frozen=True)
class Cost:
    """Of one process; added up, of one after the other."""

    wall: float = 0.0  # seconds
    cpu: float = 0.0  # seconds
    rss: float = 0.0  # MB at its peak
    disk: float = 0.0  # MB at its peak

    def __add__(self, other: Cost) -> Cost:
        rss, disk = max(self.rss, other.rss), max(self.disk, other.disk)
        return Cost(self.wall + other.wall, self.cpu + other.cpu, rss, disk)


def median(costs: Iterable[Cost]) -> Cost:
    """The median of each."""
    return Cost(*(round(statistics.median(values), 2) for values in zip(*map(astuple, costs))))


def cost_of(command: Sequence[str], scratch: Path, environment: Mapping[str, str]) -> tuple[str, Cost]:
    """What ``command`` printed, and its cost; ends the benchmark where it fails. It writes to ``scratch`` only."""
    ended = threading.Event()
    sizes = [0.0]

    def watch() -> None:
        while not ended.wait(LOOK_EVERY):
            sizes.append(_size(scratch))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE)
    assert process.stdout
    printed = process.stdout.read().decode()
    _pid, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{printed[-3000:]}")
    disk = max(*sizes, _size(scratch))
    return printed, Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / MB, disk)


def settle() -> None:
    """What was written before is not to be paid for now, nor what was read to help."""
    os.sync()
    if os.access(DROP_CACHES, os.W_OK):
        DROP_CACHES.write_text("3", encoding="ascii")


def _size(folder: Path) -> float:
    total = 0
    for path, _folders, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):  # it was renamed or removed meanwhile
                total += os.lstat(os.path.join(path, file)).st_blocks * 512
    return total / MB
