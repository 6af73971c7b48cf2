# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers of the kernels that a host runs and will run next: without them no module is built, and nothing says so."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from ..errors import FleetError
from ..local_command import look

IMAGE = re.compile(r"linux-image-(?:unsigned-)?(\d\S*)")


def kernels(root: Path = Path("/")) -> list[str]:
    """The running kernel first, then those that are installed."""
    listing = look("dpkg-query", "--show", "--showformat=${Package}\t${db:Status-Abbrev}\n", "linux-image-*").output
    installed = [name for name, status in (line.split("\t") for line in listing.splitlines()) if status[1] == "i"]
    others = [match.group(1) for name in installed if (match := IMAGE.fullmatch(name))]
    return list(
        dict.fromkeys([platform.release(), *(name for name in others if (root / "boot" / f"vmlinuz-{name}").exists())])
    )


def missing_headers(root: Path = Path("/")) -> list[str]:
    """The packages of headers that are not there yet."""
    return [f"linux-headers-{name}" for name in kernels(root) if not (root / "lib/modules" / name / "build").exists()]


def require_offered(packages: list[str]) -> None:
    """FleetError for the first of ``packages`` that no source of the host has."""
    for name in packages:
        outcome = look("apt-cache", "policy", name)
        if not re.search(r"^  Candidate: (?!\(none\))", outcome.output, re.MULTILINE):
            kernel = name[len("linux-headers-") :]
            running = "which runs" if kernel == platform.release() else "which is installed and may be booted next"
            raise FleetError(
                f"Failed to find the headers of kernel {kernel}",
                f"no package source of the host has {name}, and the driver's modules are built for {running} with them",
                "Install the distribution's present kernel and boot it: its headers are there. Or remove that kernel.",
                "headers",
            )
