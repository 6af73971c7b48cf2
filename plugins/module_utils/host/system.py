# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is: distribution, kernel, memory, addresses, control groups."""

from __future__ import annotations

import os
import platform
import re
import socket
from dataclasses import dataclass
from pathlib import Path

GIB = 1024**3


@dataclass(frozen=True)
class Distribution:
    """The entries of os-release that matter here."""

    id: str  # debian, ubuntu
    version: str  # 13, 24.04
    codename: str
    name: str  # for people

    @property
    def release(self) -> str:
        """``debian-13``: how the tables of packages and of supported systems name it."""
        return f"{self.id}-{self.version}"


@dataclass(frozen=True)
class Host:
    """A machine as its own kernel and files describe it."""

    distribution: Distribution
    kernel: str
    architecture: str
    addresses: tuple[str, ...]
    memory_gib: float
    cgroup_version: int
    systemd: bool
    root: bool


def observe_host(root: Path = Path("/")) -> Host:
    """This host; ``root`` is where its file system is mounted."""
    return Host(
        distribution=parse_os_release(_read(root / "etc/os-release") or _read(root / "usr/lib/os-release")),
        kernel=platform.release(),
        architecture=platform.machine(),
        addresses=(
            *parse_fib_trie(_read(root / "proc/net/fib_trie")),
            *parse_if_inet6(_read(root / "proc/net/if_inet6")),
        ),
        memory_gib=parse_meminfo(_read(root / "proc/meminfo")),
        cgroup_version=2 if (root / "sys/fs/cgroup/cgroup.controllers").exists() else 1,
        systemd=(root / "run/systemd/system").is_dir(),
        root=os.geteuid() == 0,
    )


def parse_os_release(text: str) -> Distribution:
    """The distribution that an os-release file names."""
    entries = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            entries[key.strip()] = value.strip().strip("\"'")
    return Distribution(
        id=entries.get("ID", "unknown"),
        version=entries.get("VERSION_ID", "unknown"),
        codename=entries.get("VERSION_CODENAME", ""),
        name=entries.get("PRETTY_NAME", "an unknown system"),
    )


def parse_fib_trie(text: str) -> list[str]:
    """This host's own IPv4 addresses, loopback aside, from the routing trie (there may be no ``ip`` command)."""
    addresses: list[str] = []
    previous = ""
    for line in text.splitlines():
        if "host LOCAL" in line and (found := re.search(r"\|-- ([0-9.]+)", previous)):
            addresses.append(found.group(1))
        previous = line
    return [address for address in dict.fromkeys(addresses) if not address.startswith("127.")]


def parse_if_inet6(text: str) -> list[str]:
    """This host's own IPv6 addresses of global scope."""
    entries = [line.split() for line in text.splitlines()]
    return [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(entry[0])) for entry in entries if entry[3] == "00"]


def parse_meminfo(text: str) -> float:
    """Memory in GiB."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) * 1024 / GIB if found else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
