# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hl-smi prints of Gaudis, in the fields of Habana's System Management Interface Tool guide."""

from __future__ import annotations

import csv
import re
from typing import Any

from .machine import number, said
from .pci import same_address

FIELDS = (
    "index",
    "module_id",
    "bus_id",
    "name",
    "uuid",
    "memory.total",
    "memory.used",
    "temperature.aip",
    "ecc.errors.uncorrected.volatile.total",
    "ecc.errors.corrected.volatile.total",
    "driver_version",
)
QUERY = ("hl-smi", "-Q", ",".join(FIELDS), "-f", "csv,noheader,nounits")
LIST = ("hl-smi", "-L")
FIRMWARE = re.compile(r"Firmware \[SPI\] Version\s*:\s*Preboot version (\S+)")
NO_DRIVER = "not loaded"


def parse_devices(text: str) -> tuple[list[dict[str, Any]], str | None]:
    """The devices in the order of their indexes, and the driver's version; lines of other kinds are not devices."""
    rows = [
        dict(zip(FIELDS, (cell.strip() for cell in row)))
        for row in csv.reader(text.splitlines())
        if len(row) == len(FIELDS) and row[0].strip().isdigit()
    ]
    devices = sorted((_device(row) for row in rows), key=lambda device: int(device["index"]))
    return devices, next((version for row in rows if (version := said(row["driver_version"]))), None)


def parse_firmware(text: str) -> str | None:
    """The version that the cards booted with, from ``hl-smi -L``; all of them where they differ."""
    return ", ".join(dict.fromkeys(FIRMWARE.findall(text))) or None


def _device(row: dict[str, str]) -> dict[str, Any]:
    uncorrected = number(row["ecc.errors.uncorrected.volatile.total"])
    corrected = number(row["ecc.errors.corrected.volatile.total"])
    counted = uncorrected is not None or corrected is not None
    return {
        "index": number(row["index"]),
        "module_id": number(row["module_id"]),
        "bus_id": same_address(row["bus_id"]),
        "name": said(row["name"]),
        "uuid": said(row["uuid"]),
        "memory_mib": number(row["memory.total"]),
        "memory_used_mib": number(row["memory.used"]),
        "temperature_c": number(row["temperature.aip"]),
        "ecc_errors": {"corrected": corrected or 0, "uncorrected": uncorrected or 0} if counted else None,
    }
