# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a machine's accelerators, in plain words: the thing, the cause, the next step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import hl_smi, nvidia_smi
from .pci import PciDevice

Problem = dict[str, str]


def problem(thing: str, cause: str, next_step: str) -> Problem:
    return {"thing": thing, "cause": cause, "next_step": next_step}


def of_nvidia(found: dict[str, Any], pci: list[PciDevice]) -> Iterator[Problem]:
    """Everything that is wrong with NVIDIA GPUs and their driver; nothing where there is neither."""
    driver, devices = found["driver"], found["devices"]
    gpus = [device for device in pci if device.kind == "nvidia"]
    if not gpus and not devices:
        yield problem(
            "GPUs",
            "there is no NVIDIA GPU on the PCI bus",
            "Is the card seated and powered, and is this the host that the description means?",
        )
        return
    yield from _complaint(found["complaint"], driver)
    if driver["nouveau"]:
        yield problem(
            "nouveau",
            "it drives the GPUs, so that NVIDIA's driver cannot",
            "Run the role inference.fleet.nvidia, which disables it, and reboot.",
        )
    yield from _secure_boot(driver, "nvidia", "Install signed modules, enrol a key and sign with it")
    yield from _versions(driver)
    yield from _devices(driver, devices)
    missing = sorted({gpu.bus_id for gpu in gpus} - {device["bus_id"] for device in devices})
    if missing:
        yield problem(
            "GPUs",
            f"{_of(len(missing), 'GPU')} on the PCI bus ({', '.join(missing)}) that nvidia-smi does not list",
            "Look at `dmesg | grep NVRM`; a GPU that fell off the bus comes back only with a power cycle.",
        )


def _secure_boot(driver: dict[str, Any], module: str, remedy: str) -> Iterator[Problem]:
    if driver["secure_boot"] and driver["module_signed"] is False:
        cause = f"it is on, and the kernel module {module} is not signed, so it does not load"
        yield problem("Secure Boot", cause, f"{remedy}, or turn Secure Boot off.")
    key = driver["unenrolled_key"]
    if key:
        cause = f"it is on, and the key {key}, with which the kernel module {module} is signed, is not enrolled"
        yield problem("Secure Boot", cause, f"`mokutil --import {key}`, reboot and confirm it at the console.")


def of_gaudi(found: dict[str, Any], pci: list[PciDevice]) -> Iterator[Problem]:
    """Everything that is wrong with Gaudis and their driver."""
    driver, devices, complaint = found["driver"], found["devices"], found["complaint"]
    cards = [device for device in pci if device.kind == "gaudi"]
    if not cards and not devices:
        yield problem(
            "Gaudis",
            "there is none on the PCI bus",
            "Is this the host that the description means? Try `lspci -d 1da3:`.",
        )
        return
    install = "Run the role inference.fleet.gaudi."
    if complaint == "missing":
        yield problem("hl-smi", "there is no such command", install)
    elif complaint and hl_smi.NO_DRIVER in complaint:
        yield problem("driver", f"hl-smi says: {_line(complaint)}", f"Try `modprobe habanalabs`. {install}")
    elif complaint:
        yield problem("hl-smi", f"it says: {_line(complaint)}", "Look at `dmesg | grep habanalabs`.")
    if complaint and driver["loaded"] is None:
        yield problem("driver", f"none is loaded, though {_of(len(cards), 'Gaudi')} on the PCI bus", install)
    yield from _secure_boot(driver, "habanalabs", "Enrol a key and sign with it")
    if driver["loaded"] and driver["packaged"] and not _same_release(driver["loaded"], driver["packaged"]):
        yield problem(
            "driver",
            f"{driver['loaded']} is loaded, {driver['packaged']} is installed",
            "Reload the modules or reboot.",
        )
    for device in devices:
        if device["temperature_c"] == 0:
            yield problem(
                f"Gaudi {device['index']}",
                "its temperature is 0, which means that the card failed to initialise",
                f"Try `hl-smi -r -i {device['bus_id']}`, then a power cycle; else have the card replaced.",
            )
        yield from _uncorrected(f"Gaudi {device['index']}", device)


def _complaint(complaint: str | None, driver: dict[str, Any]) -> Iterator[Problem]:
    install = "Run the role inference.fleet.nvidia."
    if complaint == "missing":
        yield problem("nvidia-smi", "there is no such command", install)
    elif complaint and nvidia_smi.MISMATCH in complaint:
        yield problem(
            "driver",
            f"driver/library version mismatch: {driver['loaded'] or 'another version'} is loaded into the kernel, the "
            f"libraries are {driver['library'] or 'of another'}",
            "Reboot, or unload the old modules with nothing using the GPUs; then hold the packages.",
        )
    elif complaint and (lost := nvidia_smi.LOST.search(complaint)):
        yield problem("GPUs", f"nvidia-smi says: {lost.group()}", "Reboot; if it returns, look at the Xid errors.")
    elif complaint and nvidia_smi.NO_DEVICES in complaint:
        yield problem(
            "GPUs",
            "nvidia-smi finds none of those on the PCI bus",
            "Look at `dmesg | grep NVRM`: is the driver made for them?",
        )
    elif complaint and nvidia_smi.NO_DRIVER not in complaint:
        yield problem("nvidia-smi", f"it says: {_line(complaint)}", "Look at `dmesg | grep NVRM`.")
    if complaint and driver["loaded"] is None:
        yield problem("driver", "none is loaded, though the GPUs are on the PCI bus", install)


def _versions(driver: dict[str, Any]) -> Iterator[Problem]:
    loaded, packaged = driver["loaded"], driver["packaged"]
    if loaded and packaged and loaded != packaged:
        yield problem("driver", f"{loaded} is loaded, {packaged} is installed", "Reboot to load what is installed.")
    manager = driver["fabric_manager"]
    wanted = loaded or packaged
    switches = _of(driver["nvswitches"], "NVSwitch", "NVSwitches")
    if driver["nvswitch_bridges"]:
        switches = _of(driver["nvswitch_bridges"], "bridge to NVSwitches", "bridges to NVSwitches")
    if (driver["nvswitches"] or driver["nvswitch_bridges"]) and wanted and manager is None:
        yield problem(
            "fabric manager",
            f"there is none, and {switches} on the PCI bus",
            f"Install nvidia-fabricmanager {wanted}: without it the GPUs cannot be used.",
        )
    if manager and wanted and manager != wanted:
        yield problem(
            "fabric manager",
            f"it is {manager}, the driver {wanted}",
            f"Install nvidia-fabricmanager {wanted}: it must be exactly the driver's version.",
        )


def _devices(driver: dict[str, Any], devices: list[dict[str, Any]]) -> Iterator[Problem]:
    codes = sorted({(error["code"], error["bus_id"]) for error in driver["xid"]})
    for code, bus_id in codes:
        yield problem(
            f"GPU at {bus_id}",
            f"the driver reported Xid {code} since the last boot",
            f"Look it up in NVIDIA's table of Xid errors, and at `dmesg | grep 'Xid.*: {code}'`.",
        )
    for device in devices:
        yield from _uncorrected(f"GPU {device['index']}", device)


def _uncorrected(thing: str, device: dict[str, Any]) -> Iterator[Problem]:
    errors = device["ecc_errors"]
    if errors and errors["uncorrected"]:
        yield problem(
            thing,
            f"{errors['uncorrected']} memory errors could not be corrected",
            "Drain the host and reset the device; have it replaced if they return.",
        )


def of_cdi(cdi: dict[str, Any] | None, driver: dict[str, Any]) -> Iterator[Problem]:
    """A specification by which containers would get files that are not there any more."""
    if cdi and cdi["stale"]:
        yield problem(
            "CDI specification",
            f"{cdi['path']} was made for driver {cdi['driver'] or 'of an earlier installation'}, "
            f"{driver['library'] or driver['packaged']} is installed",
            f"Run `nvidia-ctk cdi generate --output={cdi['path']}`.",
        )


def _same_release(loaded: str, packaged: str) -> bool:
    """Habana writes 1.22.1-f8f0b2c of the module and 1.22.1-6 of the package."""
    return loaded.partition("-")[0] == packaged.partition("-")[0]


def _of(count: int, one: str, many: str = "") -> str:
    return f"1 {one} is" if count == 1 else f"{count} {many or one + 's'} are"


def _line(complaint: str) -> str:
    return " ".join(complaint.split())[:200]
