# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host has the devices that its services are described with, and nobody else uses them.

A bare host is one whose devices are on the PCI bus: what only a driver knows is looked at once there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..cpu.cores import share_out
from ..cpu.wanted import Wanted
from ..errors import FleetError
from ..quantize.schemes import COMPUTE_CAPABILITIES
from .cpu import observe_cpu
from .machine import Machine
from .pci import observe_pci
from .picture import picture

DEVICES = {"nvidia": "NVIDIA GPU", "gaudi": "Gaudi"}
GENERATIONS = {"HL-2": "g2", "HL-3": "g3"}  # of Gaudis, by how the names of their boards begin
OURS = "vllm"  # the compose project of our own instances, which use what they are described with


@dataclass(frozen=True)
class Needed:
    """What one service is described with on this host."""

    service: str
    kind: str  # nvidia, gaudi, cpu
    devices: Sequence[int] = ()
    processes: int = 1  # that compute
    scheme: str = ""  # by which its model is quantized
    generation: str = ""  # that the devices must be of, as one of GENERATIONS; empty: any


def accelerator_problems(needed: Sequence[Needed], machine: Machine | None = None) -> Iterator[FleetError]:
    """Everything that keeps the services from the devices, or from the cores, that they need."""
    machine = machine or Machine()
    on_cpu = [service for service in needed if service.kind == "cpu"]
    if on_cpu:
        yield from _cpu_problems(on_cpu, machine)
    for kind in DEVICES:
        services = [service for service in needed if service.kind == kind]
        if services:
            present = sum(device.kind == kind for device in observe_pci(machine))
            yield from device_problems(kind, services, picture(kind, machine)["devices"], present)


def device_problems(
    kind: str, services: Sequence[Needed], devices: Sequence[dict[str, Any]], present: int
) -> Iterator[FleetError]:
    """The same of one ``kind``; ``devices`` are accelerator_info's, ``present`` those on the PCI bus."""
    if not devices:
        names = ", ".join(service.service for service in services)
        yield FleetError(
            "accelerators",
            f"there is no {DEVICES[kind]} on the PCI bus, and {names} {'needs' if len(services) == 1 else 'need'} some",
            "Is this the host that hosts: of the service means? Else look whether the firmware lists the card.",
        )
        return
    by_index = {device["index"]: device for device in devices}
    for service in services:
        mine = [by_index[index] for index in service.devices if index in by_index]
        yield from _absent(kind, service, by_index, present)
        for device in mine:
            yield from _unfit(kind, service, device)
        models = {device["name"] for device in mine if device["name"]}
        if len(models) > 1:
            listed = ", ".join(f"{device['index']} is {device['name']}" for device in mine)
            yield FleetError(
                f"devices of {service.service}",
                f"they are of several models: {listed}",
                "Give it devices of one model.",
            )


def _absent(kind: str, service: Needed, by_index: dict[int, Any], present: int) -> Iterator[FleetError]:
    absent = [index for index in service.devices if index not in by_index]
    if not absent:
        return
    known = sorted(by_index)
    there = f"there is {known[0]}" if len(known) == 1 else f"there are {', '.join(map(str, known))}"
    lost = f", though the PCI bus has {present}" if present > len(known) else ""
    yield FleetError(
        f"devices of {service.service}",
        f"this host has no {DEVICES[kind]} {' and '.join(map(str, absent))}; {there}{lost}",
        "Correct devices: of the service." if not lost else "See what accelerator_info says of the driver.",
    )


def _unfit(kind: str, service: Needed, device: dict[str, Any]) -> Iterator[FleetError]:
    thing = f"{DEVICES[kind]} {device['index']}, which {service.service} needs"
    mig = device["mig"]
    if mig and mig["enabled"]:
        parts = len(mig["instances"])
        yield FleetError(
            thing,
            f"MIG is on: it is divided into {parts} instances" if parts else "MIG is on, so nothing can use all of it",
            f"Turn it off with `nvidia-smi -i {device['index']} -mig 0`, with nothing using the GPU.",
        )
    able = device["compute_capability"]
    if able and service.scheme in COMPUTE_CAPABILITIES:
        runs = [scheme for scheme, (least, below) in COMPUTE_CAPABILITIES.items() if least <= float(able) < below]
        if service.scheme not in runs:
            yield FleetError(
                thing,
                f"vLLM does not run {service.scheme} on a {device['name']} (compute capability {able})",
                f"Set quantization to {' or '.join(runs)}." if runs else "Leave out quantization.",
            )
    generation = GENERATIONS.get((device["name"] or "")[:4], "")
    if kind == "gaudi" and service.generation and generation not in ("", service.generation):
        yield FleetError(
            thing,
            f"it is an {device['name']}, so {generation}, and its device_generation says {service.generation}",
            "Correct that; a model that was calibrated for another one is then made again.",
        )
    if kind == "gaudi" and device["temperature_c"] == 0:
        yield FleetError(
            thing, "its temperature is 0: the card failed to initialise", "Try a power cycle, or use another one."
        )
    others = [process for process in device["processes"] if process["project"] != OURS]
    if others:
        yield FleetError(
            thing,
            f"{', '.join(_told(process) for process in others)} {'uses' if len(others) == 1 else 'use'} it",
            "Stop that, or give the service another device.",
        )


def _told(process: dict[str, Any]) -> str:
    about = [f"pid {process['pid']}"]
    if process["user"]:
        about.append(f"of {process['user']}")
    if process["container"]:
        about.append(f"in container {process['container']}")
    if process["memory_mib"]:
        about.append(f"{process['memory_mib']} MiB")
    return f"{process['name'] or 'a process'} ({', '.join(about)})"


def _cpu_problems(services: Sequence[Needed], machine: Machine) -> Iterator[FleetError]:
    cpu = observe_cpu(machine)
    if cpu["architecture"] == "x86" and not cpu["features"]["avx2"]:
        yield FleetError(
            "processor",
            f"{cpu['model'] or 'it'} has no AVX2, without which vLLM does not run",
            "Serve on another host; of a virtual machine, let it see the host's CPU.",
        )
    try:
        share_out(cpu, [Wanted(service.service, ranks=service.processes) for service in services], reserved=0)
    except FleetError as error:
        yield FleetError("cores", error.cause, error.next_step)
