# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture of a machine's accelerators, of the same shape for NVIDIA, Gaudi and CPU."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from . import problems
from .cdi import is_stale, observe_cdi
from .cpu import observe_cpu
from .driver import EMPTY
from .gaudi import observe_gaudi
from .machine import Machine
from .nvidia import driver_packages, observe_nvidia
from .pci import PciDevice, observe_pci
from .processes import with_owners

KINDS = ("nvidia", "gaudi", "cpu")


def picture(kind: str = "auto", machine: Machine | None = None) -> dict[str, Any]:
    """The picture of ``machine`` (this one); ``auto`` looks for Gaudis, then NVIDIA GPUs, on the PCI bus."""
    machine = machine or Machine()
    pci = observe_pci(machine)
    kind = kind_of(pci) if kind == "auto" else kind
    found: dict[str, Any] = {"devices": [], "driver": EMPTY, "complaint": None}
    wrong: list[problems.Problem] = []
    cdi = None
    if kind == "nvidia":
        found = observe_nvidia(machine, pci)
        cdi = _cdi(machine, found["driver"])
        wrong = [*problems.of_nvidia(found, pci), *problems.of_cdi(cdi, found["driver"])]
    elif kind == "gaudi":
        found = observe_gaudi(machine, pci)
        wrong = list(problems.of_gaudi(found, pci))
    return {
        "kind": kind,
        "devices": [{**device, "processes": with_owners(machine, device["processes"])} for device in found["devices"]],
        "driver": found["driver"],
        "cdi": cdi,
        "docker_runtimes": sorted((machine.ask_engine("/info") or {}).get("Runtimes") or {}),
        "cpu": observe_cpu(machine),
        "problems": wrong,
    }


def kind_of(pci: list[PciDevice]) -> str:
    """The kind of accelerator that a machine with these PCI devices is used for."""
    kinds = {device.kind for device in pci}
    return next((kind for kind in ("gaudi", "nvidia") if kind in kinds), "cpu")


def _cdi(machine: Machine, driver: dict[str, Any]) -> dict[str, Any] | None:
    found = observe_cdi(machine, "nvidia.com")
    if found is None:
        return None
    stale = is_stale(found, driver["library"], _installed(machine, driver["packages"]))
    made = datetime.fromtimestamp(found["made"], timezone.utc).isoformat(timespec="seconds")
    return {**{key: found[key] for key in ("path", "devices", "driver")}, "made": made, "stale": stale}


def _installed(machine: Machine, packages: dict[str, str]) -> float | None:
    """When the driver's package was installed: dpkg writes the list of its files then."""
    info = machine.root / "var/lib/dpkg/info"
    lists = [
        path
        for name in driver_packages(packages)
        for path in (*info.glob(f"{name}.list"), *info.glob(f"{name}:*.list"))
    ]
    return max((path.stat().st_mtime for path in lists), default=None)
