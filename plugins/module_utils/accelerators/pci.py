# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accelerators on the PCI bus, which are there whether or not a driver is."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .machine import Machine

DEVICES = "sys/bus/pci/devices"
VENDORS = {"0x10de": "nvidia", "0x1da3": "gaudi"}
MELLANOX, INFINIBAND = "0x15b3", "0x0207"
DISPLAY, BRIDGE = "0x03", "0x0680"  # PCI classes: of GPUs, and of NVIDIA's NVSwitches
PROCESSING = ("0x12", "0x0880")  # of Gaudis
# NVSwitches of NVLink 5 (HGX B200, B300) are no PCI devices. They are reached through ConnectX bridges, which tell
# themselves from network cards by this word in their vital product data.
MANAGES_SWITCHES = "SW_MNG"


@dataclass(frozen=True)
class PciDevice:
    """One device of an accelerators' vendor."""

    bus_id: str  # 0000:19:00.0
    kind: str  # nvidia, gaudi, nvswitch or nvswitch_bridge
    device: str  # the vendor's number of the model, such as 2335
    driver: str | None  # nvidia, nouveau, vfio-pci, habanalabs; None: nothing drives it
    numa_node: int | None


def observe_pci(machine: Machine) -> list[PciDevice]:
    """All accelerators, NVSwitches and bridges to such, by their addresses."""
    return [device for bus_id in machine.names(DEVICES) if (device := _observe(machine, bus_id))]


def _observe(machine: Machine, bus_id: str) -> PciDevice | None:
    folder = f"{DEVICES}/{bus_id}"
    vendor, pci_class = machine.text(f"{folder}/vendor"), machine.text(f"{folder}/class")
    kind = _kind(vendor, pci_class)
    if vendor == MELLANOX and pci_class.startswith(INFINIBAND) and MANAGES_SWITCHES in machine.text(f"{folder}/vpd"):
        kind = "nvswitch_bridge"
    if kind is None:
        return None
    driver = machine.root / folder / "driver"
    node = machine.text(f"{folder}/numa_node")
    return PciDevice(
        bus_id=bus_id,
        kind=kind,
        device=machine.text(f"{folder}/device")[2:],
        driver=os.path.basename(os.readlink(driver)) if driver.is_symlink() else None,
        numa_node=int(node) if node.isdigit() else None,  # -1: the machine has but one
    )


def _kind(vendor: str, pci_class: str) -> str | None:
    kind = VENDORS.get(vendor)
    if kind == "nvidia":
        if pci_class.startswith(BRIDGE):
            return "nvswitch"
        return kind if pci_class.startswith(DISPLAY) else None
    return kind if kind and pci_class.startswith(PROCESSING) else None


def same_address(bus_id: str | None) -> str:
    """``bus_id`` as /sys writes it: nvidia-smi says 00000000:19:00.0 of 0000:19:00.0, and writes large letters."""
    domain, _colon, rest = (bus_id or "").lower().partition(":")
    return f"{domain[-4:]}:{rest}" if rest else domain
