# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of a verification, as they are handed over. The module's documentation says what each key means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .clean import plain
from .entry import Entry

OUTCOMES = ("pass", "fail", "skip")


@dataclass(frozen=True)
class Host:
    name: str
    address: str
    roles: tuple[str, ...]
    accelerator: str
    devices: tuple[str, ...]
    versions: dict[str, str]  # by software


@dataclass(frozen=True)
class Service:
    instance: str
    host: str
    accelerator: str
    serves: str  # the id that clients ask for
    model: str  # the repository on the hub
    revision: str
    context: int | None  # tokens
    image: str
    kv_cache: int | None = None  # tokens that its KV cache should hold


@dataclass(frozen=True)
class Route:
    model: str
    backends: str


@dataclass(frozen=True)
class Endpoint:
    name: str
    host: str
    ready: bool | None  # None: nobody asked
    stage: str
    models: tuple[str, ...]
    latency: float | None  # seconds
    error: str
    next_step: str
    kv_cache: int | None = None  # tokens that its KV cache holds


@dataclass(frozen=True)
class Probe:
    capability: str
    outcome: str
    evidence: str
    latency: float | None  # seconds


@dataclass(frozen=True)
class Contract:
    service: str
    host: str
    model: str
    probes: tuple[Probe, ...]


@dataclass(frozen=True)
class Pair:
    source: str
    target: str
    ok: bool | None  # None: nobody tried
    mtu: int | None  # bytes
    rate: float | None  # MB/s
    encrypted: bool | None
    error: str


@dataclass(frozen=True)
class Check:
    name: str
    host: str
    outcome: str
    evidence: str
    next_step: str


@dataclass(frozen=True)
class Failure:
    host: str
    thing: str
    cause: str
    next_step: str


@dataclass(frozen=True)
class Results:
    name: str
    gateway_url: str
    hosts: tuple[Host, ...]
    services: tuple[Service, ...]
    routes: tuple[Route, ...]
    endpoints: tuple[Endpoint, ...]
    contracts: tuple[Contract, ...]
    overlay: tuple[Pair, ...]
    checks: tuple[Check, ...]
    failures: tuple[Failure, ...]
    started_at: str
    finished_at: str
    version: str
    given: dict[str, Any]  # all of it, other keys too, as plain and clean values


def read_results(given: Any) -> Results:
    """Read ``given``; FleetError names the first key with a value that it cannot have."""
    value = plain(given)
    top = Entry(value, "results")
    fleet = top.entry("fleet")
    return Results(
        name=fleet.text("name"),
        gateway_url=fleet.text("gateway_url"),
        hosts=tuple(_host(entry) for entry in fleet.entries("hosts")),
        services=tuple(_service(entry) for entry in fleet.entries("services")),
        routes=tuple(Route(entry.text("model"), entry.text("backends")) for entry in fleet.entries("routes")),
        endpoints=tuple(_endpoint(entry) for entry in top.entries("endpoints")),
        contracts=tuple(_contract(entry) for entry in top.entries("contracts")),
        overlay=tuple(_pair(entry) for entry in top.entries("overlay")),
        checks=tuple(_check(entry) for entry in top.entries("checks")),
        failures=tuple(_failure(entry) for entry in top.entries("failures")),
        started_at=top.text("started_at"),
        finished_at=top.text("finished_at"),
        version=top.text("version"),
        given=value,
    )


def _host(entry: Entry) -> Host:
    return Host(
        entry.text("name"),
        entry.text("address"),
        entry.texts("roles"),
        entry.text("accelerator"),
        entry.texts("devices"),
        entry.names("versions"),
    )


def _service(entry: Entry) -> Service:
    return Service(
        entry.text("instance"),
        entry.text("host"),
        entry.text("accelerator"),
        entry.text("serves"),
        entry.text("model"),
        entry.text("revision"),
        _whole(entry.number("context")),
        entry.text("image"),
        _whole(entry.number("kv_cache_tokens")),
    )


def _endpoint(entry: Entry) -> Endpoint:
    return Endpoint(
        entry.text("name"),
        entry.text("host"),
        entry.flag("ready"),
        entry.text("stage"),
        entry.texts("models"),
        entry.number("latency_s"),
        entry.text("error"),
        entry.text("next_step"),
        _whole(entry.number("kv_cache_tokens")),
    )


def _contract(entry: Entry) -> Contract:
    probes = tuple(
        Probe(
            probe.text("capability"),
            probe.choice("outcome", OUTCOMES),
            probe.text("evidence"),
            probe.number("latency_s"),
        )
        for probe in entry.entries("probes")
    )
    return Contract(entry.text("service"), entry.text("host"), entry.text("model"), probes)


def _pair(entry: Entry) -> Pair:
    return Pair(
        entry.text("from"),
        entry.text("to"),
        entry.flag("ok"),
        _whole(entry.number("mtu")),
        entry.number("mb_per_s"),
        entry.flag("encrypted"),
        entry.text("error"),
    )


def _check(entry: Entry) -> Check:
    return Check(
        entry.text("name"),
        entry.text("host"),
        entry.choice("outcome", OUTCOMES),
        entry.text("evidence"),
        entry.text("next_step"),
    )


def _failure(entry: Entry) -> Failure:
    return Failure(entry.text("host"), entry.text("thing"), entry.text("cause"), entry.text("next_step"))


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
