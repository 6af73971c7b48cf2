# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the packages of NVIDIA's driver are called, by source, distribution and branch.

From the Driver Installation Guide: NVIDIA's packages for Debian carry no branch in their names, those for Ubuntu do up
to branch 580 ("Ubuntu 590 and later packages"). The fabric manager lost it with 580 in NVIDIA's repository; Ubuntu's
own packages always have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

WITHOUT_BRANCH_FROM = 590  # NVIDIA's packages for Ubuntu
FABRIC_WITHOUT_BRANCH_FROM = 580  # NVIDIA's fabric manager and libnvidia-nscq
OPEN = re.compile(r"-open\b")  # in the name of all that belongs to open kernel modules; OpenCL is something else
MODULES = re.compile(r"nvidia-kernel-dkms|nvidia-(dkms|kernel-source)(-\d+)?(-server)?|linux-modules-nvidia-.+")


@dataclass(frozen=True)
class Wanted:
    """What a host is to have of NVIDIA's driver."""

    source: str  # nvidia, distribution
    distribution: str  # debian, ubuntu
    modules: str  # open, proprietary
    kernels: tuple[str, ...]  # that modules must be there for: releases, and flavours whose newest is meant
    fabric: bool = False  # NVSwitches need the fabric manager
    subnet: bool = False  # those of NVLink 5 the subnet manager too
    persistence: bool = True

    def drivers(self, branch: str) -> list[str]:
        """What carries the driver itself and has its version, modules last."""
        kind = self._kind
        if self.distribution == "ubuntu" and self.source == "distribution":
            return [f"nvidia-utils-{branch}-server"]
        if self.distribution == "ubuntu":
            suffix = self._suffix(branch)
            return [f"libnvidia-compute{suffix}", f"nvidia-utils{suffix}", f"nvidia-dkms{suffix}{kind}"]
        if self.source == "distribution":
            return ["libcuda1", "nvidia-smi", "nvidia-open-kernel-dkms" if kind else "nvidia-kernel-dkms"]
        return ["nvidia-driver-cuda", f"nvidia-kernel{kind}-dkms"]

    def companions(self, branch: str) -> list[str]:
        """What must be of exactly the driver's version beside it."""
        return [*self._persistence(branch), *self._fabric(branch)]

    def others(self, branch: str) -> list[str]:
        """What goes with it at the newest version that its source has; what it depends on keeps it to the driver's."""
        names = ["nvlsm"] if self.subnet else []
        if self.distribution == "ubuntu" and self.source == "distribution":
            # Modules that Canonical has signed, which load under Secure Boot. Their version is the kernel's.
            names += self._signed(branch, (kernel for kernel in self.kernels if kernel[0].isdigit()))
        if self.distribution == "debian" and self.source == "distribution" and self.persistence:
            names.append("nvidia-persistenced")  # which Debian releases apart from the driver
        return names

    def bringers(self, branch: str) -> list[str]:
        """What brings the signed modules of each kernel to come; there is none for some flavours (virtual)."""
        if self.distribution == "ubuntu" and self.source == "distribution":
            return self._signed(branch, (kernel for kernel in self.kernels if not kernel[0].isdigit()))
        return []

    def excludes(self, name: str) -> bool:
        """Whether the package belongs to kernel modules of the other kind, which cannot be there, too."""
        if OPEN.search(name):
            return self.modules != "open"
        return self.modules == "open" and MODULES.fullmatch(name) is not None

    @property
    def telling(self) -> str:
        """Where the packages that tell which versions there are begin."""
        if self.distribution == "ubuntu":
            return "nvidia-utils"
        return "nvidia-smi" if self.source == "distribution" else "nvidia-driver-cuda"

    @property
    def _kind(self) -> str:
        return "-open" if self.modules == "open" else ""

    def _signed(self, branch: str, kernels: Iterable[str]) -> list[str]:
        return [f"linux-modules-nvidia-{branch}-server{self._kind}-{kernel}" for kernel in kernels]

    def _suffix(self, branch: str) -> str:
        return f"-{branch}" if int(branch) < WITHOUT_BRANCH_FROM else ""

    def _persistence(self, branch: str) -> list[str]:
        if not self.persistence:
            return []
        if self.distribution != "ubuntu":
            return ["nvidia-persistenced"] if self.source == "nvidia" else []
        if self.source == "distribution":
            return [f"nvidia-compute-utils-{branch}-server"]
        return [f"nvidia-compute-utils{self._suffix(branch)}"]

    def _fabric(self, branch: str) -> list[str]:
        if not self.fabric:
            return []
        named = self.source == "distribution" or int(branch) < FABRIC_WITHOUT_BRANCH_FROM
        suffix = f"-{branch}" if named else ""
        return [f"nvidia-fabricmanager{suffix}", f"libnvidia-nscq{suffix}"]
