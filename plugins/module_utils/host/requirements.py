# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host must be and have before anything is changed on it. Every check says all that it finds wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import FleetError
from .esp import Esp
from .ports import Holder
from .system import Host

DOCKER0 = "172.17.0.1"  # the address of Docker's own bridge, the same on every host


@dataclass(frozen=True)
class PortNeeded:
    """A port that must be free, or held by what we put there."""

    port: int
    proto: str
    purpose: str
    container: str = ""  # may publish it already
    processes: Sequence[str] = ()  # may listen on it already
    setting: str = ""  # the variable that moves it


@dataclass(frozen=True)
class DiskNeeded:
    """Room for what is to come; what is already there counts."""

    path: str
    need_gib: float
    free_gib: float
    present_gib: float


def system_problems(host: Host, releases: Sequence[str], architectures: Sequence[str]) -> Iterator[FleetError]:
    """Distribution, architecture and what systemd and Docker stand on."""
    if host.distribution.release not in releases:
        yield FleetError(
            "operating system", f"{host.distribution.name} is not supported", f"Use one of: {', '.join(releases)}."
        )
    if host.architecture not in architectures:
        yield FleetError(
            "architecture", f"{host.architecture} is not supported", f"Use one of: {', '.join(architectures)}."
        )
    if not host.root:
        yield FleetError("user", "the play does not run as root here", "Set ansible_become: true for this host.")
    if not host.systemd:
        yield FleetError("init", "systemd does not run here", "Services come back after a reboot only with systemd.")
    if host.cgroup_version != 2:
        yield FleetError(
            "control groups",
            "version 1 is mounted",
            "Remove systemd.unified_cgroup_hierarchy=0 from the kernel's command line and reboot.",
        )


def kernel_problems(kernel: str, oldest: str) -> Iterator[FleetError]:
    """A kernel that is too old."""
    if version_of(kernel) < version_of(oldest):
        yield FleetError("kernel", f"{kernel} is older than {oldest}", "Install a newer kernel and reboot.")


def version_of(kernel: str) -> tuple[int, ...]:
    """The leading numbers of a kernel's release: ``6.1.0-18-amd64`` is (6, 1, 0)."""
    numbers = re.match(r"\d+(\.\d+)*", kernel)
    return tuple(int(number) for number in numbers.group().split(".")) if numbers else ()


def memory_problems(memory_gib: float, need_gib: float) -> Iterator[FleetError]:
    """Too little memory."""
    if memory_gib < need_gib:
        yield FleetError("memory", f"{memory_gib:.1f} GiB, {need_gib:.1f} are needed", "Move services to other hosts.")


def disk_problems(disk: DiskNeeded) -> Iterator[FleetError]:
    """Too little room for what is not there yet."""
    missing = disk.need_gib - disk.present_gib
    if disk.free_gib < missing:
        yield FleetError(
            f"disk {disk.path}",
            f"{disk.free_gib:.1f} GiB are free, {missing:.1f} are needed",
            "Free some, or mount a larger disk there.",
        )


def clock_problems(skew: float, most: float) -> Iterator[FleetError]:
    """A clock that differs from the controller's; ``skew`` is positive when the host is ahead."""
    if abs(skew) > most:
        way = "ahead of" if skew > 0 else "behind"
        yield FleetError(
            "clock",
            f"{abs(skew):.0f} s {way} the controller's",
            "Synchronize both (systemd-timesyncd, chrony): signed URLs and certificates fail with a wrong clock.",
        )


def port_problems(
    needed: Iterable[PortNeeded], listening: Mapping[tuple[int, str], Holder], published: Mapping[str, str]
) -> Iterator[FleetError]:
    """Ports that something else holds; ``published`` names the container by ``port/protocol``."""
    for want in needed:
        holder = listening.get((want.port, want.proto))
        if container := published.get(f"{want.port}/{want.proto}"):
            holder = Holder(container, container=True)
        if holder is None or (holder.container and holder.name == want.container):
            continue
        if not holder.container and holder.name in want.processes:
            continue
        move = f", or set {want.setting}" if want.setting else ""
        yield FleetError(
            f"port {want.port}/{want.proto}", f"{holder} holds it, {want.purpose} needs it", f"Stop that{move}."
        )


def esp_problems(esp: Esp) -> Iterator[FleetError]:
    """A kernel that loses every packet of an encrypted overlay network."""
    if esp.supported is False:
        yield FleetError(
            "encrypted overlay network", esp.reason, "Boot a kernel that has it, or set overlay_encrypted: false."
        )


def address_problems(address: str, own: Iterable[str]) -> Iterator[FleetError]:
    """An address in the inventory at which the other hosts would not find this one."""
    addresses = [candidate for candidate in own if candidate != DOCKER0]
    if address not in addresses:
        yield FleetError(
            f"address {address}",
            f"it is not an address of this host, which has {', '.join(addresses) or 'none'}",
            "Set `address:` for this host to the one at which the other hosts reach it.",
        )


def report(problems: Sequence[FleetError]) -> FleetError:
    """All ``problems`` of a host as one error, a line for each."""
    lines = "".join(f"\n  - {problem}" for problem in problems)
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return FleetError("Failed to find this host ready", f"{count}{lines}")
