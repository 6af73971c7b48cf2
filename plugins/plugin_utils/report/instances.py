# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of each instance, joined: its place in the plan, whether it serves, whether it keeps its contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .cases import Case, cases_of, count
from .results import Endpoint, Host, Results, Service

GATEWAY = "gateway"  # how the names of the gateway's endpoints begin
GOOD, PARTLY, BAD, UNKNOWN = "good", "partly", "bad", "unknown"
WORDS = {GOOD: "serving", PARTLY: "serving, with failures", BAD: "down", UNKNOWN: "not asked"}


@dataclass(frozen=True)
class Instance:
    """One that serves a model, or one of the gateway."""

    service: Service
    endpoint: Endpoint | None
    counts: dict[str, int]  # of its endpoint and its contract
    state: str  # GOOD | PARTLY | BAD | UNKNOWN

    @property
    def word(self) -> str:
        """Its state in words; where it is down, how far it came."""
        stage = self.endpoint.stage if self.endpoint and self.state == BAD else ""
        return f"{WORDS[self.state]}: {stage}" if stage else WORDS[self.state]

    @property
    def kv_cache(self) -> str:
        """Tokens that its KV cache holds, as vLLM says."""
        held = self.endpoint.kv_cache if self.endpoint else None
        return "" if held is None else f"{held:,}"

    @property
    def predicted(self) -> str:
        """Beside that, what was predicted; with how far it is off, where it is."""
        held, said = self.endpoint.kv_cache if self.endpoint else None, self.service.kv_cache
        if said is None:
            return ""
        off = "" if not held or held == said else f", {100 * (said - held) / held:+.1f} %"
        return f"predicted {said:,}{off}"

    @property
    def latency(self) -> float | None:
        """Seconds that it took to generate."""
        return self.endpoint.latency if self.endpoint else None


@dataclass(frozen=True)
class Fleet:
    hosts: tuple[Host, ...]
    instances: tuple[Instance, ...]
    gateways: tuple[Instance, ...]

    def on(self, host: Host) -> tuple[Instance, ...]:
        """The instances on ``host``."""
        return tuple(instance for instance in self.instances if instance.service.host == host.name)


def fleet_of(results: Results) -> Fleet:
    """The hosts and instances of the plan, each followed by others that something is said of."""
    planned = {service.instance for service in results.services}
    others = {
        **{(contract.service, contract.host): contract.model for contract in results.contracts},
        **{(endpoint.name, endpoint.host): ", ".join(endpoint.models) for endpoint in results.endpoints},
    }
    found = [
        Service(name, host, "", serves, "", "", None, "")
        for (name, host), serves in others.items()
        if name not in planned
    ]
    gateways = [service for service in found if service.instance.startswith(GATEWAY)]
    instances = [*results.services, *(service for service in found if service not in gateways)]
    return Fleet(_hosts(results, instances), _joined(results, instances), _joined(results, gateways))


def combined(instances: Iterable[Instance]) -> str:
    """One state for all of ``instances``; UNKNOWN where there are none."""
    found = {instance.state for instance in instances}
    if BAD in found and found & {GOOD, PARTLY}:
        return PARTLY
    return next((state for state in (BAD, PARTLY, UNKNOWN, GOOD) if state in found), UNKNOWN)


def summary(results: Results) -> list[dict[str, str]]:
    """A row of text for each instance and each endpoint of the gateway."""
    fleet = fleet_of(results)
    return [
        {
            "instance": instance.service.instance,
            "host": instance.service.host,
            "models": instance.service.serves,
            "state": instance.word,
            **{name: str(number) for name, number in instance.counts.items()},
            "latency": "" if instance.latency is None else f"{instance.latency:.3f} s",
        }
        for instance in (*fleet.instances, *fleet.gateways)
    ]


def _hosts(results: Results, services: Iterable[Service]) -> tuple[Host, ...]:
    named = {host.name for host in results.hosts}
    mentioned = [service.host for service in services]
    mentioned += [name for pair in results.overlay for name in (pair.source, pair.target)]
    found = (Host(name, "", (), "", (), {}) for name in dict.fromkeys(mentioned) if name and name not in named)
    return (*results.hosts, *found)


def _joined(results: Results, services: Iterable[Service]) -> tuple[Instance, ...]:
    planned = {service.instance for service in results.services}

    def key(name: str, host: str) -> tuple[str, str]:
        """The plan has a name once; the gateway's endpoints have the same on several hosts."""
        return (name, "" if name in planned else host)

    endpoints = {key(endpoint.name, endpoint.host): endpoint for endpoint in results.endpoints}
    cases: dict[tuple[str, str], list[Case]] = {}
    for case in cases_of(results):
        if case.kind in ("endpoints", "contracts"):
            cases.setdefault(key(case.subject, case.host), []).append(case)
    joined = []
    for service in services:
        own_key = key(service.instance, service.host)
        endpoint, own = endpoints.get(own_key), cases.get(own_key, [])
        joined.append(Instance(service, endpoint, count(own), _state(endpoint, own)))
    return tuple(joined)


def _state(endpoint: Endpoint | None, cases: Iterable[Case]) -> str:
    outcomes = {case.outcome for case in cases if case.kind == "contracts"}
    ready = endpoint.ready if endpoint else None
    if ready is False or (ready is None and outcomes <= {"fail", "skip"} and "fail" in outcomes):
        return BAD
    if "fail" in outcomes:
        return PARTLY
    return GOOD if ready else UNKNOWN
