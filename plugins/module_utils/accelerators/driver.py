# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A driver as it is loaded and packaged; it need not work for that."""

from __future__ import annotations

import re
from typing import Any

from ..host.packages import parse_packages
from .machine import Machine

VERSION = re.compile(r"(\d+(?:\.\d+)+)")
NVRM_FILE = "proc/driver/nvidia/version"
NVRM = re.compile(r"^NVRM version: .*?\s(\d+\.\d+(?:\.\d+)?)\s", re.MULTILINE)
XID = re.compile(r"NVRM: Xid \(PCI:([0-9a-fA-F:.]+)\): (\d+), (.*)")
XIDS_KEPT = 20

EMPTY: dict[str, Any] = {
    "loaded": None,
    "packaged": None,
    "packages": {},
    "held": [],
    "modules": None,
    "library": None,
    "fabric_manager": None,
    "cuda": None,
    "firmware": None,
    "nouveau": False,
    "persistence": None,
    "xid": [],
    "secure_boot": None,
    "module_signed": None,
    "unenrolled_key": None,
    "nvswitches": 0,
    "nvswitch_bridges": 0,
}


def observe_packages_like(machine: Machine, *patterns: str) -> tuple[dict[str, str], list[str]]:
    """Version of each installed package whose name matches one of ``patterns``, and which of them are held."""
    form = "--showformat=${Package}\\t${db:Status-Abbrev}\\t${Version}\\n"
    return parse_packages(machine.run("dpkg-query", "--show", form, *patterns).output)


def upstream(version: str | None) -> str | None:
    """The vendor's number in a package's version: ``1:580.95.05-0ubuntu1`` is 580.95.05."""
    found = VERSION.search((version or "").rpartition(":")[2])
    return found.group(1) if found else None


def loaded_nvidia(machine: Machine) -> tuple[str | None, str | None]:
    """Version and kind of the NVIDIA modules that are loaded."""
    return parse_nvrm(machine.text(NVRM_FILE))


def parse_nvrm(text: str) -> tuple[str | None, str | None]:
    """Version and kind (open, proprietary) of the loaded modules, from /proc/driver/nvidia/version."""
    found = NVRM.search(text + " ")
    if found is None:
        return None, None
    return found.group(1), "open" if "Open Kernel Module" in found.group() else "proprietary"


def observe_module(machine: Machine, name: str) -> dict[str, str]:
    """What modinfo says of the module that would be loaded into the running kernel; nothing where there is none."""
    lines = machine.run("modinfo", name).output.splitlines()
    entries = (line.partition(":") for line in lines)
    return {
        key.strip(): value.strip() for key, _colon, value in entries if key.strip() in ("version", "license", "signer")
    }


def parse_xid(kernel_log: str) -> list[dict[str, Any]]:
    """The last Xid errors, which is how the driver reports a GPU's faults, from ``dmesg``."""
    found = [
        {"bus_id": bus_id.lower(), "code": int(code), "text": text.strip()}
        for bus_id, code, text in XID.findall(kernel_log)
    ]
    return found[-XIDS_KEPT:]
