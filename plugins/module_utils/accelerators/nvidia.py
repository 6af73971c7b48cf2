# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA GPUs and their driver: from nvidia-smi where it works, else from the PCI bus, files and packages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..errors import FleetError
from . import nvidia_smi as smi
from .driver import EMPTY, loaded_nvidia, observe_module, observe_packages_like, parse_xid, upstream
from .machine import Machine
from .pci import PciDevice
from .secure_boot import observe_secure_boot
from .shape import device

PACKAGES = ("nvidia-*", "libnvidia-*", "cuda-drivers*", "cuda-keyring", "xserver-xorg-video-nvidia*", "libnvsdm*")
# What carries the driver, in NVIDIA's repository and the distributions': kernel modules before what goes with them.
DRIVER_PACKAGES = tuple(
    re.compile(rf"nvidia-({name})(-\d+)?(-server)?(-open)?")
    for name in ("kernel-dkms|kernel-open-dkms|dkms|kernel-source", "driver|open|headless", "utils|smi")
)
MODULES = ("nvidia", "nvidia-current", "nvidia-current-open")  # the latter are what Debian calls its own
LIBRARY = re.compile(r"libnvidia-ml\.so\.(\d+(?:\.\d+)+)$")


def observe_nvidia(machine: Machine, pci: list[PciDevice]) -> dict[str, Any]:
    """Devices, driver and what nvidia-smi complained of (None: it works; ``missing``: there is none)."""
    loaded, modules = loaded_nvidia(machine)
    packages, held = observe_packages_like(machine, *PACKAGES)
    module = next((module for name in MODULES if (module := observe_module(machine, name))), {})
    driver = {
        **EMPTY,
        "loaded": loaded,
        "packaged": _packaged(packages),
        "packages": packages,
        "held": held,
        "modules": modules or _modules(module),
        "library": _library(machine),
        "fabric_manager": next(
            (upstream(version) for name, version in packages.items() if name.startswith("nvidia-fabricmanager")), None
        ),
        "nouveau": machine.exists("sys/module/nouveau"),
        "xid": parse_xid(machine.run("dmesg").output),
        **observe_secure_boot(machine, module),
        "nvswitches": sum(found.kind == "nvswitch" for found in pci),
        "nvswitch_bridges": sum(found.kind == "nvswitch_bridge" for found in pci),
    }
    devices, told, complaint = _ask(machine)
    driver.update({name: value for name, value in told.items() if value is not None})
    gpus = [found for found in pci if found.kind == "nvidia"]
    if complaint:
        devices = [device(index=index, bus_id=gpu.bus_id) for index, gpu in enumerate(gpus)]
    nodes = {gpu.bus_id: gpu.numa_node for gpu in gpus}
    return {
        "devices": [{**found, "numa_node": nodes.get(found["bus_id"])} for found in devices],
        "driver": driver,
        "complaint": complaint,
    }


def _ask(machine: Machine) -> tuple[list[dict[str, Any]], dict[str, Any], str | None]:
    answer = machine.run(*smi.XML, timeout=60.0)
    if answer.status == 127:
        return [], {}, "missing"
    try:
        devices, driver = smi.parse_xml(answer.output)
    except FleetError as error:
        return [], {}, error.cause if answer.output.strip() else answer.complaint or error.cause
    capabilities = smi.parse_query(machine.run(*smi.QUERY).output)
    links = smi.parse_topology(machine.run(*smi.TOPOLOGY).output) if len(devices) > 1 else {}
    for found in devices:
        found["compute_capability"] = capabilities.get(found["uuid"])
        found["links"] = links.get(found["index"])
    return [device(**found) for found in devices], driver, None


def driver_packages(packages: Iterable[str]) -> list[str]:
    """Those of ``packages`` whose version is the driver's, the one that tells most first."""
    names = list(packages)
    return [name for pattern in DRIVER_PACKAGES for name in names if pattern.fullmatch(name)]


def _packaged(packages: dict[str, str]) -> str | None:
    return next((upstream(packages[name]) for name in driver_packages(packages)), None)


def _modules(module: dict[str, str]) -> str | None:
    if not module.get("license"):
        return None
    return "proprietary" if module["license"] == "NVIDIA" else "open"


def _library(machine: Machine) -> str | None:
    triplets = [f"usr/lib/{name}" for name in machine.names("usr/lib") if "linux-gnu" in name]
    folders = ["usr/lib64", "usr/lib", *triplets, *(f"{folder}/nvidia/current" for folder in triplets)]  # Debian's last
    found = [match.group(1) for folder in folders for name in machine.names(folder) if (match := LIBRARY.match(name))]
    return found[0] if found else None
