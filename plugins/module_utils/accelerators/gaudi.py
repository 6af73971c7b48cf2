# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaudis and their driver: from hl-smi where it works, else from the PCI bus, /sys and packages."""

from __future__ import annotations

from typing import Any

from . import hl_smi as smi
from .driver import EMPTY, observe_module, observe_packages_like, upstream
from .machine import Machine
from .pci import PciDevice
from .processes import who_holds
from .secure_boot import observe_secure_boot
from .shape import device

DRIVER_PACKAGE, LIBRARY_PACKAGE = "habanalabs-dkms", "habanalabs-thunk"
ACCEL = "sys/class/accel"


def observe_gaudi(machine: Machine, pci: list[PciDevice]) -> dict[str, Any]:
    """Devices, driver and what hl-smi complained of (None: it works; ``missing``: there is none)."""
    packages, held = observe_packages_like(machine, "habanalabs-*")
    module = observe_module(machine, "habanalabs")
    driver = {
        **EMPTY,
        "loaded": machine.text("sys/module/habanalabs/version") or None,
        "packaged": packages.get(DRIVER_PACKAGE),
        "packages": packages,
        "held": held,
        "library": upstream(packages.get(LIBRARY_PACKAGE)),
        **observe_secure_boot(machine, module),
    }
    cards = [found for found in pci if found.kind == "gaudi"]
    answer = machine.run(*smi.QUERY, timeout=60.0)
    devices, version = smi.parse_devices(answer.output)
    complaint = None
    if devices:
        driver.update({"loaded": version or driver["loaded"], "firmware": _firmware(machine)})
    else:
        complaint = "missing" if answer.status == 127 else answer.output.strip() or answer.complaint or "no devices"
        devices = [{"index": index, "bus_id": card.bus_id} for index, card in enumerate(cards)]
    nodes = {card.bus_id: card.numa_node for card in cards}
    held_by = who_uses(machine)
    return {
        "devices": [
            device(
                **{
                    **found,
                    "numa_node": nodes.get(found["bus_id"]),
                    "processes": held_by.get(found["bus_id"], []),
                }
            )
            for found in devices
        ],
        "driver": driver,
        "complaint": complaint,
    }


def who_uses(machine: Machine) -> dict[str, list[dict[str, Any]]]:
    """The processes that have a card open, by its PCI address."""
    return who_holds(machine, device_files(machine))


def _firmware(machine: Machine) -> str | None:
    return smi.parse_firmware(machine.run(*smi.LIST).output)


def device_files(machine: Machine) -> dict[str, str]:
    """PCI address by device file, as a Gaudi is held by whoever has that open."""
    names = [name for name in machine.names(ACCEL) if name[5:].isdigit()]
    found = {f"/dev/accel/{name}": machine.root / ACCEL / name / "device" for name in names}
    return {node: link.resolve().name for node, link in found.items() if link.exists()}
