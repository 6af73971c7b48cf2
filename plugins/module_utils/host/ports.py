# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a port of this host: a process, the kernel, or a container that publishes it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LISTENING = {"tcp": "0A", "udp": "07"}  # states in /proc/net; an unconnected UDP socket is in state 7
KERNEL = "the kernel"


@dataclass(frozen=True)
class Holder:
    """What holds a port: the name of a process or container, and the process id where there is one."""

    name: str
    pid: int | None = None
    container: bool = False

    def __str__(self) -> str:
        if self.container:
            return f"container {self.name}"
        return f"{self.name} (pid {self.pid})" if self.pid else self.name


def holders(proc: Path = Path("/proc")) -> dict[tuple[int, str], Holder]:
    """The holder of every port that is listened on, by port and protocol."""
    sockets: dict[tuple[int, str], str] = {}
    for protocol, state in LISTENING.items():
        for family in ("", "6"):
            table = proc / "net" / f"{protocol}{family}"
            if table.exists():
                sockets.update(
                    {(port, protocol): inode for port, inode in parse_sockets(table.read_text("ascii"), state)}
                )
    owners = owners_of(set(sockets.values()), proc)
    return {key: owners.get(inode, Holder(KERNEL)) for key, inode in sockets.items()}


def parse_sockets(table: str, state: str) -> Iterable[tuple[int, str]]:
    """Port and inode of the sockets in ``state`` in a table of /proc/net."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] == state:
            yield int(fields[1].rpartition(":")[2], 16), fields[9]


def owners_of(inodes: set[str], proc: Path) -> dict[str, Holder]:
    """The process that has each of ``inodes`` open; the kernel's own sockets have none."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    owners: dict[str, Holder] = {}
    for process in sorted((entry for entry in os.listdir(proc) if entry.isdigit()), key=int):
        try:
            descriptors = os.listdir(proc / process / "fd")
        except OSError:  # it ended, or belongs to somebody else
            continue
        for descriptor in descriptors:
            try:
                inode = wanted.get(os.readlink(proc / process / "fd" / descriptor))
            except OSError:
                continue
            if inode and inode not in owners:
                owners[inode] = Holder((proc / process / "comm").read_text("utf-8").strip(), int(process))
        if len(owners) == len(inodes):
            break
    return owners
