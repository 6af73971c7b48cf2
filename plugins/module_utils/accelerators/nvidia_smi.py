# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nvidia-smi prints: its XML, the query that knows the compute capability, and the matrix of links."""

from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

from ..errors import FleetError
from .machine import number, said
from .pci import same_address

QUERY = ("nvidia-smi", "--query-gpu=index,uuid,compute_cap", "--format=csv,noheader,nounits")
XML = ("nvidia-smi", "-q", "-x")
TOPOLOGY = ("nvidia-smi", "topo", "-m")

# What nvidia-smi says, as NVML's errors are worded, and what it means.
MISMATCH, NO_DRIVER, NO_DEVICES = "version mismatch", "communicate with the NVIDIA driver", "No devices were found"
LOST = re.compile(r"Unable to determine the device handle for \S+|GPU is lost")


def parse_query(text: str) -> dict[str, str]:
    """Compute capability by UUID."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if len(row) == 3]
    return {uuid: capability for _index, uuid, capability in rows if said(capability)}


def parse_xml(text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The devices, and what it says of the driver; ``text`` is what ``nvidia-smi -q -x`` prints.

    Raises FleetError with what nvidia-smi says instead where that is not XML.
    """
    end = "</nvidia_smi_log>"
    document, closed, _warnings = text.partition(end)  # such as that an infoROM is corrupted
    try:
        log = ET.fromstring(document + closed)  # noqa: S314  # printed by the driver's own tool
    except ET.ParseError as error:
        raise FleetError("Failed to read nvidia-smi", text.strip()[:200] or "it printed nothing") from error
    gpus = log.findall("gpu")
    persistence = [gpu.findtext("persistence_mode") for gpu in gpus]
    driver = {
        "loaded": said(log.findtext("driver_version")),
        "cuda": said(log.findtext("cuda_version")),
        "firmware": next((version for gpu in gpus if (version := said(gpu.findtext("gsp_firmware_version")))), None),
        "persistence": all(mode == "Enabled" for mode in persistence) if gpus else None,
    }
    return [_device(index, gpu) for index, gpu in enumerate(gpus)], driver


def _device(index: int, gpu: ET.Element) -> dict[str, Any]:
    return {
        "index": index,
        "uuid": said(gpu.findtext("uuid")),
        "name": said(gpu.findtext("product_name")),
        "memory_mib": number(gpu.findtext("fb_memory_usage/total")),
        "memory_used_mib": number(gpu.findtext("fb_memory_usage/used")),
        "unified_memory": number(gpu.findtext("fb_memory_usage/total")) is None,
        "bus_id": same_address(gpu.get("id")),
        "mig": _mig(gpu),
        "ecc_errors": _ecc(gpu),
        "temperature_c": number(gpu.findtext("temperature/gpu_temp")),
        "processes": list(_processes(gpu)),
    }


def _mig(gpu: ET.Element) -> dict[str, Any] | None:
    """Whether the GPU is divided, and into what; None where it cannot be."""
    mode = said(gpu.findtext("mig_mode/current_mig"))
    if mode is None:
        return None
    instances = [
        {
            "gpu_instance": number(part.findtext("gpu_instance_id")),
            "compute_instance": number(part.findtext("compute_instance_id")),
            "memory_mib": number(part.findtext("fb_memory_usage/total")),
        }
        for part in gpu.findall("mig_devices/mig_device")
    ]
    return {"enabled": mode == "Enabled", "instances": instances}


def _ecc(gpu: ET.Element) -> dict[str, int] | None:
    """Memory errors since the driver was loaded; None without ECC. Drivers differ in how finely they count."""
    counted = {
        count.tag: errors
        for count in gpu.findall("ecc_errors/volatile/*")
        if (errors := number(count.text)) is not None
    }
    if not counted:
        return None
    uncorrected = sum(errors for name, errors in counted.items() if "uncorrectable" in name)
    return {"corrected": sum(counted.values()) - uncorrected, "uncorrected": uncorrected}


def _processes(gpu: ET.Element) -> Iterator[dict[str, Any]]:
    """Those that compute (C, C+G, M+C); one that only draws (G) is in nobody's way."""
    for process in gpu.findall("processes/process_info"):
        pid = number(process.findtext("pid"))
        if pid is not None and "C" in (process.findtext("type") or "C"):
            yield {
                "pid": pid,
                "name": said(process.findtext("process_name")),
                "memory_mib": number(process.findtext("used_memory")),
            }


def parse_topology(text: str) -> dict[int, dict[str, str]]:
    """How each GPU reaches each other: NV18 (18 NVLinks), PIX, PXB, PHB, NODE or SYS, by their indexes."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.splitlines()]
    header = next((line for line in lines if re.match(r"\s+GPU0\b", line)), "")
    columns = [cell.strip() for cell in header.strip().split("\t")]
    links: dict[int, dict[str, str]] = {}
    for line in lines:
        cells = [cell.strip() for cell in line.split("\t")]
        if cells[0].startswith("GPU") and cells[0][3:].isdigit():
            found = {
                column[3:]: link
                for column, link in zip(columns, cells[1:])
                if column.startswith("GPU") and column[3:].isdigit() and link != "X"
            }
            links[int(cells[0][3:])] = found
    return links
