# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's options as services on devices, and the answer to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ..arguments import words_of
from ..artifacts.artifact import Artifact, artifacts
from ..artifacts.each import each
from ..artifacts.hub import Hub
from ..artifacts.stores.base import Settings
from ..artifacts.stores.open import open_store
from ..errors import FleetError
from .flags import GIB, Flags, cache_element_bytes, element_bytes
from .memory import MIB, Device
from .predict import NO, UNKNOWN, Case
from .processors import placed_services
from .source import Description, Sources, describe, describe_folder
from .verdict import judge

HUB_TRIES = 2  # where there is no way to the hub, nobody should wait for that to be said
SERVICE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "repo_id": {"type": "str"},
    "revision": {"type": "str", "default": "main"},
    "family": {"type": "str"},
    "formats": {"type": "list", "elements": "str", "default": ["safetensors"]},
    "path": {"type": "path"},
    "accelerator": {"type": "str", "choices": ["nvidia", "gaudi", "cpu"], "default": "nvidia"},
    "devices": {"type": "list", "elements": "int", "default": []},
    "device_memory_gib": {"type": "float"},
    "tensor_parallel_size": {"type": "int"},
    "pipeline_parallel_size": {"type": "int", "default": 1},
    "max_model_len": {"type": "int"},
    "max_num_seqs": {"type": "int"},
    "max_num_batched_tokens": {"type": "int", "no_log": False},
    "gpu_memory_utilization": {"type": "float"},
    "kv_cache_dtype": {"type": "str"},
    "kv_cache_gib": {"type": "float"},
    "quantization": {"type": "str"},
    "scheme": {"type": "str"},
    "device_generation": {"type": "str"},
    "dtype": {"type": "str"},
    "block_size": {"type": "int"},
    "enforce_eager": {"type": "bool", "default": False},
    "extra_args": {"type": "list", "elements": "str", "default": []},
}
# With these, weights or caches lie elsewhere, or there are more of them.
NOT_ACCOUNTED = (
    "--cpu-offload-gb",
    "--data-parallel-size",
    "-dp",
    "--enable-expert-parallel",
    "--enable-lora",
    "--kv-cache-memory-bytes",
    "--kv-offloading-size",
    "--num-gpu-blocks-override",
    "--speculative-config",
)


def answer(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the module returns as ``services``, in their order."""
    measured = [entry for entry in options["devices"] if entry.get("memory_mib", 0) is not None]
    devices = [_device(entry, "index") for entry in measured]
    if len(measured) < len(options["devices"]):
        devices = []  # some have no memory of their own: nothing can be said
    nodes, features = _cpu(options["cpu"] or {})
    services = {service["name"]: service for service in options["services"]}
    for service in services.values():
        _check_numbers(service)
    found = _descriptions(options, list(services.values()))
    on_cpu = [service for service in services.values() if service["accelerator"] == "cpu"]
    placed, homeless = {}, None
    try:
        placed = placed_services(on_cpu, found, nodes or devices, options)
    except FleetError as error:
        homeless = error
    taken = {index for service in services.values() for index in service["devices"]}
    spare = tuple(device for device in devices if device.index not in taken) if devices else None
    cases, models, unsaid = {}, {}, {}
    for name, service in services.items():
        description = found[name]
        models[name] = _label(service)
        if isinstance(description, FleetError):
            unsaid[name] = _without_figures(name, models[name], UNKNOWN, str(description))
        elif flag := _not_accounted(service):
            cause = f"what {flag} does to memory is not accounted for"
            unsaid[name] = _without_figures(name, models[name], UNKNOWN, cause)
        elif homeless and service in on_cpu:
            cause = f"{homeless.attempted}: {homeless.cause}"
            unsaid[name] = _without_figures(name, models[name], NO, cause, homeless.next_step)
        else:
            given, there = placed.get(name, (service, devices))
            case = replace(_case(given, description, there, features), spare=spare)
            try:
                cache_element_bytes(case.model, case.flags)
                element_bytes(case.model, case.flags)
            except FleetError as error:
                unsaid[name] = _without_figures(name, models[name], UNKNOWN, str(error))
            else:
                cases[name] = case
    told = {verdict.name: verdict.as_dict() for verdict in judge(cases, models)}
    return [{**told, **unsaid}[name] for name in services]


def _check_numbers(service: Mapping[str, Any]) -> None:
    for key, option in SERVICE.items():
        if option["type"] == "int" and service[key] is not None and service[key] < 1:
            raise FleetError(f"Failed to read {key} of {service['name']}", f"it is {service[key]}", "Give 1 or more.")
    part = service["gpu_memory_utilization"]
    if part is not None and not 0 < part <= 1:
        raise FleetError(
            f"Failed to read gpu_memory_utilization of {service['name']}",
            f"it is {part}",
            "Give a part of the memory, above 0 and up to 1.",
        )


def _not_accounted(service: Mapping[str, Any]) -> str:
    """The first of its arguments that makes a prediction worthless, else nothing."""
    return next((word for word in words_of(service["extra_args"]) if word in NOT_ACCOUNTED), "")


def _descriptions(options: Mapping[str, Any], services: list[dict[str, Any]]) -> dict[str, Description | FleetError]:
    """The model of each service, read once each."""
    sources = Sources(
        cache=Path(options["cache_dir"]) if options["cache_dir"] else None,
        store=open_store(Settings.of(options["store"])) if options["store"] else None,
        hub=Hub(options["hub_url"] or "", options["hub_token"] or "", options["hub_ca"] or "", HUB_TRIES)
        if options["hub"]
        else None,
    )
    wanted = {service["name"]: _artifact(service, stored=bool(sources.store)) for service in services}
    read = each(lambda artifact: describe(artifact, sources), {one for one in wanted.values() if one})
    found: dict[str, Description | FleetError] = {}
    for service in services:
        artifact = wanted[service["name"]]
        if artifact:
            found[service["name"]] = read[artifact]
        else:
            found[service["name"]] = describe_folder(Path(service["path"]), service["path"])
    return found


def _artifact(service: Mapping[str, Any], *, stored: bool) -> Artifact | None:
    if service["path"]:
        return None
    if not service["repo_id"]:
        raise FleetError(f"Failed to find the model of {service['name']}", "it names none", "Set repo_id or path.")
    keys = ("repo_id", "revision", "family", "formats")
    entry = {**{key: service[key] for key in keys}, "quantization": service["scheme"]}
    entry["device_generation"] = service["device_generation"]
    entry["tensor_parallel_size"] = service["tensor_parallel_size"] or len(service["devices"])
    return artifacts([entry], family_needed=stored)[0]


def _label(service: Mapping[str, Any]) -> str:
    artifact = _artifact(service, stored=False)
    return artifact.label if artifact else str(service["path"])


def _case(
    service: Mapping[str, Any], description: Description, devices: list[Device], features: tuple[str, ...]
) -> Case:
    names = [field.name for field in fields(Flags)]
    given = {name: service[name] for name in names if service.get(name) is not None}
    if not devices and service["device_memory_gib"]:
        memory = int(service["device_memory_gib"] * GIB)
        devices = [Device(index, memory) for index in service["devices"] or [0]]
    chosen = [device for device in devices if device.index in service["devices"]] if service["devices"] else devices
    absent = [index for index in service["devices"] if index not in {device.index for device in devices}]
    if absent and devices:
        there = ", ".join(str(device.index) for device in devices) or "none"
        raise FleetError(
            f"Failed to place {service['name']}",
            f"the host has no device {', '.join(map(str, absent))}, but {there}",
            f"Correct devices of services.{service['name']}.",
        )
    if "tensor_parallel_size" not in given:
        count = len(service["devices"] or chosen)
        ranks = 1 if service["accelerator"] == "cpu" else count // service["pipeline_parallel_size"]
        given["tensor_parallel_size"] = max(1, ranks)
    return Case(description.config, description.kinds, Flags(**given), tuple(chosen), features)


def _cpu(cpu: Mapping[str, Any]) -> tuple[list[Device], tuple[str, ...]]:
    """NUMA nodes and instruction sets of a CPU as accelerator_info returns it."""
    limit = (cpu.get("limits") or {}).get("memory_mib")
    nodes = [_device(entry, "node", most=limit) for entry in cpu.get("numa") or []]
    return nodes, tuple(name for name, there in (cpu.get("features") or {}).items() if there)


def _device(entry: Mapping[str, Any], number: str, *, most: int | None = None) -> Device:
    try:
        memory = int(entry["memory_mib"])
        return Device(int(entry[number]), (min(memory, most) if most else memory) * MIB)
    except (KeyError, TypeError, ValueError) as error:
        raise FleetError(
            "Failed to read devices", f"{dict(entry)} has no {number} and memory_mib that are numbers", "Correct it."
        ) from error


def _without_figures(name: str, model: str, fits: str, cause: str, next_step: str = "") -> dict[str, Any]:
    return {"name": name, "model": model, "fits": fits, "cause": cause, "next_step": next_step, "changes": []}
