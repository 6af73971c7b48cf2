# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was checked as one list, and what follows from it: counts, failures, the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .results import Check, Contract, Endpoint, Failure, Pair, Results

SERVES = "serves"
BROKEN = "does not serve"
UNPROVEN = "not verified"  # nothing failed, but not every instance was asked
NETWORK = "overlay network"
LISTED = 6  # names that are said one by one
OUTCOME = {True: "pass", False: "fail", None: "skip"}


@dataclass(frozen=True)
class Case:
    """One thing that was checked. ``suite`` and ``name`` together stay the same from run to run."""

    kind: str  # endpoints | contracts | overlay | checks
    suite: str  # endpoints, overlay, contracts.INSTANCE, checks
    name: str
    subject: str  # what it is about: an instance, the overlay network, a check
    host: str
    outcome: str  # pass | fail | skip
    evidence: str
    seconds: float | None = None
    next_step: str = ""  # where it failed


def cases_of(results: Results) -> tuple[Case, ...]:
    """All cases, in the order of ``results``; an instance of the plan that nobody asked is one that was skipped."""
    asked = {endpoint.name for endpoint in results.endpoints}
    silent = (
        Endpoint(service.instance, service.host, None, "", (), None, "", "")
        for service in results.services
        if service.instance not in asked
    )
    contracts = Counter(contract.service for contract in results.contracts)
    return (
        *(_endpoint_case(endpoint) for endpoint in (*results.endpoints, *silent)),
        *(case for contract in results.contracts for case in _contract_cases(contract, contracts)),
        *(_pair_case(pair) for pair in results.overlay),
        *(_check_case(check) for check in results.checks),
    )


def _endpoint_case(endpoint: Endpoint) -> Case:
    told = {
        True: f"generated with {', '.join(endpoint.models) or 'no model'}",
        False: endpoint.error,
        None: "not asked",
    }
    evidence = told[endpoint.ready] or f"it came no further than {endpoint.stage or 'its start'}"
    return Case(
        *("endpoints", "endpoints", endpoint.name, endpoint.name, endpoint.host),
        *(OUTCOME[endpoint.ready], evidence, endpoint.latency),
        endpoint.next_step or (f"Look at `docker logs {endpoint.name}` on {endpoint.host}." if endpoint.host else ""),
    )


def _contract_cases(contract: Contract, contracts: Counter[str]) -> Iterator[Case]:
    of = f" of {contract.model}" if contracts[contract.service] > 1 else ""
    for probe in contract.probes:
        yield Case(
            *("contracts", f"contracts.{contract.service}", probe.capability + of, contract.service, contract.host),
            *(probe.outcome, probe.evidence, probe.latency),
            "Correct the service, or leave out of its contract what its model cannot.",
        )


def _pair_case(pair: Pair) -> Case:
    mtu = f" of {pair.mtu} bytes" if pair.mtu else ""
    told = {True: f"packets{mtu} cross", False: pair.error or "packets do not cross", None: pair.error or "not tried"}
    name = f"{pair.source} to {pair.target}"
    return Case("overlay", "overlay", name, NETWORK, pair.source, OUTCOME[pair.ok], told[pair.ok])


def _check_case(check: Check) -> Case:
    return Case(
        *("checks", "checks", check.name, check.name, check.host, check.outcome, check.evidence),
        next_step=check.next_step,
    )


def count(cases: Iterable[Case]) -> dict[str, int]:
    """How many ``passed``, ``failed`` and were ``skipped``."""
    found = Counter(case.outcome for case in cases)
    return {"passed": found["pass"], "failed": found["fail"], "skipped": found["skip"]}


def failures_of(results: Results, cases: Iterable[Case]) -> tuple[Failure, ...]:
    """The failures that were handed over, and one for each other subject that has failed cases."""
    found: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        if case.outcome == "fail" and not any(_explains(failure, case) for failure in results.failures):
            found.setdefault((case.subject, "" if case.kind == "overlay" else case.host), []).append(case)
    return (*results.failures, *(_failure(subject, failed) for (subject, _host), failed in found.items()))


def _explains(failure: Failure, case: Case) -> bool:
    same_host = case.kind == "overlay" or not failure.host or not case.host or failure.host == case.host
    return failure.thing == case.subject and same_host


def _failure(subject: str, failed: list[Case]) -> Failure:
    first = failed[0]
    if first.kind in ("endpoints", "checks"):
        return Failure(first.host, subject, first.evidence or "The check failed.", first.next_step)
    # The same cause is said once, after all to which it applies.
    names: dict[str, list[str]] = {}
    for case in failed:
        names.setdefault(case.evidence or "failed", []).append(case.name)
    cause = "\n".join(f"{_listed(own)}: {evidence}" for evidence, own in names.items())
    return Failure(first.host if first.kind == "contracts" else "", subject, cause, first.next_step)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def verdict_of(results: Results, cases: Iterable[Case]) -> str:
    """SERVES only if every instance was asked and answered, and nothing else failed."""
    found = list(cases)
    if results.failures or any(case.outcome == "fail" for case in found):
        return BROKEN
    asked = [case.outcome for case in found if case.kind == "endpoints"]
    return SERVES if asked and "skip" not in asked else UNPROVEN
