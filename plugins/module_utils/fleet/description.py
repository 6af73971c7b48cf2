# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The description of a fleet: ``fleet.yml`` parsed and validated, all its mistakes together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..artifacts.artifact import COMMIT
from ..quantize.calibration_target import CACHE_DTYPE, GENERATIONS
from ..quantize.schemes import ACCELERATORS, GAUDI
from ..serving.contract.capabilities import CAPABILITIES
from .calibrated import calibration
from .limits import FAMILY_LIMITS, OWNED_FLAGS, PARSERS_WITH_TEMPLATE, REMOVED_FLAGS, SHORT_CONTEXT
from .reading import Mistake, did_you_mean, is_template, read_part
from .schema import GATEWAY, MODEL, NAME, OVERLAY, SERVICE, TOP, Key

LABEL = 63  # characters that a DNS label may have


@dataclass(frozen=True)
class Service:
    """One service: a model, served on each of its hosts by an instance of its own."""

    name: str
    values: dict[str, Any]  # the keys of schema.SERVICE

    @property
    def served_model_name(self) -> str:
        """The id under which clients ask for it."""
        return str(self.values["served_model_name"] or self.values["model"])

    def instance(self, host: str) -> str:
        """The name of its instance on ``host``, which is its container's and its name on the overlay network."""
        return f"{self.name}-{dns_label(host)}"


@dataclass
class Description:
    """What the operator wants; meaningful only where ``mistakes`` is empty."""

    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    gateway: dict[str, Any] = field(default_factory=dict)
    managers: list[str] = field(default_factory=list)
    publisher: str = "localhost"
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)


def dns_label(host: str) -> str:
    """``host`` as part of a name on the overlay network."""
    return re.sub(r"[^a-z0-9-]+", "-", host.lower()).strip("-")


def describe(raw: Any, hosts: Iterable[str]) -> Description:
    """The description that ``raw``, the decoded ``fleet.yml``, gives of a fleet on the inventory's ``hosts``."""
    found = Description()
    mistakes = found.mistakes
    if not isinstance(raw, dict):
        mistakes.append(Mistake("", "fleet.yml must be a mapping with the keys models, services and gateway"))
        return found
    known = list(hosts)
    for name in raw:
        if name not in TOP:
            mistakes.append(Mistake(str(name), f"there is no such key; {did_you_mean(str(name), TOP)}"))
    found.models = {name: _read_model(name, part, mistakes) for name, part in _parts(raw, "models", mistakes)}
    defaults = raw.get("defaults") or {}
    read_part(defaults, {name: Key(key.kind) for name, key in SERVICE.items()}, "defaults", mistakes)
    for name, part in _parts(raw, "services", mistakes):
        merged = {**defaults, **part} if isinstance(part, dict) and isinstance(defaults, dict) else part
        found.services[name] = Service(name, read_part(merged, SERVICE, f"services.{name}", mistakes))
        _check_name(name, f"services.{name}", mistakes)
    found.publisher = raw.get("publisher") or "localhost"
    if raw.get("gateway") is not None:
        found.gateway = read_part(raw["gateway"], GATEWAY, "gateway", mistakes)
    if raw.get("overlay") is not None:
        found.managers = read_part(raw["overlay"], OVERLAY, "overlay", mistakes).get("managers") or []
    _check_references(found, known, mistakes)
    _check_devices(found, mistakes)
    _check_quantization(found, mistakes)
    _check_calibration(found, mistakes)
    _check_served_names(found, mistakes)
    for service in found.services.values():
        _check_flags(service, mistakes)
        _check_contract(service, mistakes)
        _warn(service, found)
    return found


def _parts(raw: Mapping[str, Any], key: str, mistakes: list[Mistake]) -> list[tuple[str, Any]]:
    parts = raw.get(key)
    if not isinstance(parts, dict) or not parts:
        mistakes.append(Mistake(key, "at least one must be described, as a mapping of its name to its keys"))
        return []
    return [(str(name), part) for name, part in parts.items()]


def _read_model(name: str, part: Any, mistakes: list[Mistake]) -> dict[str, Any]:
    _check_name(name, f"models.{name}", mistakes)
    return read_part(part, MODEL, f"models.{name}", mistakes)


def _check_name(name: str, at: str, mistakes: list[Mistake]) -> None:
    if not NAME.fullmatch(name):
        mistakes.append(Mistake(at, "a name consists of a-z, 0-9, - and ."))


def _check_references(found: Description, hosts: list[str], mistakes: list[Mistake]) -> None:
    wanted = [("gateway.hosts", found.gateway.get("hosts")), ("overlay.managers", found.managers)]
    for service in found.services.values():
        at = f"services.{service.name}"
        model = service.values.get("model")
        if isinstance(model, str) and model not in found.models:
            mistakes.append(Mistake(f"{at}.model", f"unknown model {model}; {did_you_mean(model, found.models)}"))
        wanted.append((f"{at}.hosts", service.values.get("hosts")))
    if found.publisher != "localhost":
        wanted.append(("publisher", [found.publisher]))
    for at, names in wanted:
        listed = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        mistakes.extend(
            Mistake(at, f"unknown host {name}; {did_you_mean(name, hosts)}") for name in listed if name not in hosts
        )
        twice = sorted({name for name in listed if listed.count(name) > 1})
        mistakes.extend(Mistake(at, f"{name} is named twice") for name in twice)
    for service in found.services.values():
        for host in service.values.get("hosts") or []:
            if isinstance(host, str) and len(service.instance(host)) > LABEL:
                problem = f"the instance's name {service.instance(host)} is longer than {LABEL} characters"
                mistakes.append(Mistake(f"services.{service.name}", problem))


def _check_devices(found: Description, mistakes: list[Mistake]) -> None:
    taken: dict[tuple[str, str, int], str] = {}
    doubtful = {mistake.key for mistake in mistakes}
    for service in found.services.values():
        at, values = f"services.{service.name}", service.values
        if not doubtful.isdisjoint({at, f"{at}.accelerator", f"{at}.devices"}):
            continue
        kind, devices, parallel = values["accelerator"], values["devices"], values["tensor_parallel_size"]
        if kind == "cpu":
            if devices:
                mistakes.append(Mistake(f"{at}.devices", "a CPU has no devices to choose from; leave this out"))
            continue
        if not devices:
            mistakes.append(Mistake(f"{at}.devices", f"name the {kind} devices that it runs on, such as [0]"))
        if parallel is not None and not is_template(parallel) and parallel != len(devices):
            problem = f"{parallel} does not match the {len(devices)} devices {devices}; leave it out or make them equal"
            mistakes.append(Mistake(f"{at}.tensor_parallel_size", problem))
        for host in values["hosts"] or []:
            for device in devices:
                owner = taken.setdefault((host, kind, device), service.name)
                if owner != service.name:
                    problem = f"device {device} of {host} is taken by services.{owner}"
                    mistakes.append(Mistake(f"{at}.devices", problem))


def _check_quantization(found: Description, mistakes: list[Mistake]) -> None:
    for service in found.services.values():
        scheme = str(found.models.get(service.values["model"], {}).get("quantization"))
        kinds = ACCELERATORS.get(scheme)
        if kinds and service.values["accelerator"] not in kinds:
            problem = f"{service.values['model']} is {scheme}, which runs on {' and '.join(kinds)} only"
            mistakes.append(Mistake(f"services.{service.name}.accelerator", problem))


def _check_calibration(found: Description, mistakes: list[Mistake]) -> None:
    """What is measured on devices must be served on such devices, and is found under a path that has the commit."""
    first: dict[str, Service] = {}
    for service in found.services.values():
        values, at = service.values, f"services.{service.name}"
        model = found.models.get(values["model"], {})
        if model.get("quantization") != GAUDI:
            continue
        if not (isinstance(model["revision"], str) and COMMIT.fullmatch(model["revision"])):
            problem = f"{GAUDI} needs a commit here, which is part of the path that its files name"
            at_revision = Mistake(f"models.{values['model']}.revision", problem)
            mistakes.extend([at_revision] if at_revision not in mistakes else [])
        if values["device_generation"] is None:
            problem = f"{values['model']} is {GAUDI}: say which Gaudi it runs on, {' or '.join(GENERATIONS)}"
            mistakes.append(Mistake(f"{at}.device_generation", problem))
            continue
        if values["kv_cache_dtype"] not in (None, CACHE_DTYPE):
            problem = f"{values['model']} is {GAUDI}, whose cache is {CACHE_DTYPE}; leave this out"
            mistakes.append(Mistake(f"{at}.kv_cache_dtype", problem))
        other = first.setdefault(values["model"], service)
        one, two = calibration(values), calibration(other.values)
        if one != two:
            problem = f"{values['model']} is calibrated once, and this is {one}, but services.{other.name} is {two}"
            mistakes.append(Mistake(f"{at}.model", problem))


def _check_served_names(found: Description, mistakes: list[Mistake]) -> None:
    first: dict[str, Service] = {}
    for service in found.services.values():
        if service.values["model"] is None:
            continue
        other = first.setdefault(service.served_model_name, service)
        for key in ("model", "api_key"):
            if other.values[key] != service.values[key]:
                problem = (
                    f"services.{other.name} serves {service.served_model_name} too, with another {key}; "
                    "give one of them another served_model_name, or make them equal"
                )
                mistakes.append(Mistake(f"services.{service.name}.{key}", problem))


def _check_flags(service: Service, mistakes: list[Mistake]) -> None:
    for argument in service.values["extra_args"]:
        flag = argument.split("=", 1)[0]
        at = f"services.{service.name}.extra_args"
        if flag in REMOVED_FLAGS:
            mistakes.append(Mistake(at, f"vLLM has no {flag} any more: {REMOVED_FLAGS[flag]}"))
        elif flag in OWNED_FLAGS:
            mistakes.append(Mistake(at, f"{flag} is set by the plan; the key for it is {OWNED_FLAGS[flag]}"))


def _check_contract(service: Service, mistakes: list[Mistake]) -> None:
    at = f"services.{service.name}.contract"
    for capability in service.values["contract"] or []:
        if capability not in CAPABILITIES:
            problem = f"there is no capability {capability}; {did_you_mean(capability, CAPABILITIES)}"
            mistakes.append(Mistake(at, problem))


def _warn(service: Service, found: Description) -> None:
    at = f"services.{service.name}"
    limit = FAMILY_LIMITS.get(str(found.models.get(service.values["model"], {}).get("family")))
    beyond = set(limit.beyond).intersection(service.values["contract"] or []) if limit else set()
    found.warnings.extend(Mistake(f"{at}.contract", f"{name} will fail: {limit.told}") for name in beyond if limit)
    parser = service.values["tool_call_parser"]
    if not parser:
        return
    at += ".tool_call_parser"
    if limit:
        found.warnings.append(Mistake(at, limit.told))
    longest = service.values["max_model_len"]
    if isinstance(longest, int) and longest <= SHORT_CONTEXT:
        found.warnings.append(Mistake(at, f"tools take much of a context of {longest} tokens"))
    if parser in PARSERS_WITH_TEMPLATE and not service.values["chat_template"]:
        found.warnings.append(Mistake(at, f"{parser} usually needs a chat_template made for tools"))
