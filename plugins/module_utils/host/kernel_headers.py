# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers of the kernels that a host runs and will run next: without them no module is built, and nothing says so."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable

from ..errors import FleetError
from ..local_command import look

CANDIDATE = re.compile(r"^  Candidate: (?!\(none\))", re.MULTILINE)
PREFIX = "linux-headers-"
# Of one kernel (6.8.0-51-generic), or what brings the newest (generic-hwe-24.04).
IMAGE = re.compile(r"linux-image-(?:unsigned-)?(?!extra-)(.+)(?<!-dbg)")


def bootable_kernels(installed: Iterable[str], running: str) -> list[str]:
    """The kernel that is ``running`` and those that may be booted next, as the names of their packages end.

    ``installed`` are names of packages. A kernel that is older than the running one stays behind as a way back; its
    headers are gone from Debian's sources soon after.
    """
    kernels = [found.group(1) for name in installed if (found := IMAGE.fullmatch(name))]
    later = [kernel for kernel in kernels if not kernel[0].isdigit() or _order(kernel) > _order(running)]
    return list(dict.fromkeys([running, *sorted(later)]))


def _order(kernel: str) -> list[int]:
    """6.1.0-50-amd64 comes after 6.1.0-9-amd64."""
    return [int(number) for number in re.findall(r"\d+", kernel)]


def require_offered(packages: Iterable[str]) -> None:
    """FleetError for the first of these packages of headers that no source of the host has."""
    for name in packages:
        if not CANDIDATE.search(look("apt-cache", "policy", name).output):
            raise not_offered(name, platform.release())


def not_offered(name: str, running: str) -> FleetError:
    """That no source has the headers in the package ``name``; ``running`` is the kernel that runs."""
    kernel = name[len(PREFIX) :]
    now = kernel == running
    return FleetError(
        f"Failed to find the headers of kernel {kernel}, {'which runs' if now else 'which would be booted next'}",
        f"no package source of the host has {name}, and the driver's modules are built with it",
        "Install and boot the distribution's present kernel, whose headers it has."
        if now
        else "Remove that kernel, or add the source that it came from.",
        "headers",
    )
