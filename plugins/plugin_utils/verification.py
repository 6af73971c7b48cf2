# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a play found, put together as the report takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any


def verification(
    asked: Iterable[str],
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    reached: Collection[str],
) -> dict[str, Any]:
    """The ``results`` of verification_report, from what the role verify registered on the hosts that it ``asked``.

    One that was not ``reached`` is a failure.
    """
    hosts = {host: hostvars[host] for host in asked}
    plans: list[Mapping[str, Any]] = [
        variables["fleet_plan"] for variables in hosts.values() if "fleet_plan" in variables
    ]
    plan = plans[0] if plans else {}
    anchors = {hostvars[host].get("overlay_anchor_name"): host for host in groups.get("fleet", [])}
    found: dict[str, Any] = {
        "fleet": {
            "hosts": [_host(host, variables, groups) for host, variables in hosts.items()],
            "services": plan.get("services", []),
            "routes": plan.get("routes", []),
        },
        **{kind: [] for kind in ("endpoints", "contracts", "overlay", "checks", "failures")},
    }
    for host, variables in hosts.items():
        if host not in reached:
            failure = {"host": host, "thing": host, "cause": "it was not reached", "next_step": "Can you log in there?"}
            found["failures"].append(failure)
            continue
        for endpoint in (variables.get("verify_gateway_proof") or {}).get("endpoints") or []:
            found["fleet"]["gateway_url"] = endpoint["base_url"]
        for name in ("verify_proof", "verify_gateway_proof"):
            _add_endpoints(found, host, variables.get(name) or {})
        _add_contracts(found, host, variables.get("verify_contract_proof") or {})
        _add_overlay(found, host, variables.get("verify_overlay_proof") or {}, anchors)
        _add_exposure(found, host, variables.get("verify_exposure") or {})
    return found


def _host(host: str, variables: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    known = variables.get("verify_host") or {}
    endpoints = (variables.get("verify_proof") or {}).get("endpoints") or []
    versions = {
        "kernel": known.get("kernel"),
        "Docker": (known.get("engine") or {}).get("version"),
        "Compose": known.get("compose"),
        "vLLM": ", ".join(sorted({endpoint["version"] for endpoint in endpoints if endpoint["version"]})),
        "distribution": (known.get("os") or {}).get("name"),
    }
    return {
        "name": host,
        "address": str(variables.get("ansible_host") or host),
        "roles": [role for role in ("gateway", "serving") if host in groups.get(role, [])],
        "versions": {name: version for name, version in versions.items() if version},
    }


def _add_endpoints(found: dict[str, Any], host: str, result: Mapping[str, Any]) -> None:
    endpoints = result.get("endpoints") or []
    for endpoint in endpoints:
        found["endpoints"].append({**endpoint, "host": host})
        if not endpoint["ready"]:
            step = endpoint["next_step"] or f"Look at `docker logs {endpoint['name']}` there."
            _add_failure(found, host, endpoint["name"], endpoint["error"], step)
    if not endpoints and result.get("failed"):
        _add_failure(found, host, "health", str(result.get("msg")), "")


def _add_contracts(found: dict[str, Any], host: str, result: Mapping[str, Any]) -> None:
    services = result.get("services") or []
    for service in services:
        found["contracts"].append(
            {"service": service["name"], "host": host, "model": service["model"], "probes": service["probes"]}
        )
        for probe in service["probes"]:
            if probe["outcome"] == "fail":
                cause = f"{probe['capability']}: {probe['evidence']}"
                step = "Correct the service, or leave out of its contract what its model cannot."
                _add_failure(found, host, service["name"], cause, step)
    if not services and result.get("failed"):
        _add_failure(found, host, "contracts", str(result.get("msg")), "")


def _add_overlay(found: dict[str, Any], host: str, result: Mapping[str, Any], anchors: Mapping[Any, str]) -> None:
    for peer, seen in (result.get("peers") or {}).items():
        found["overlay"].append(
            {
                "from": host,
                "to": anchors.get(peer, peer),
                "ok": bool(seen.get("full") and seen.get("stream")),
                "mtu": seen.get("mtu"),
                "mb_per_s": seen.get("mb_per_s_to"),
                "encrypted": seen.get("encrypted"),
            }
        )
    if result.get("failed"):
        _add_failure(found, host, "overlay network", str(result.get("msg")), "")


def _add_exposure(found: dict[str, Any], host: str, result: Mapping[str, Any]) -> None:
    for target in result.get("targets") or []:
        outcome = "pass" if target["closed"] else "fail"
        name = f"exposure of {target['name']}"
        found["checks"].append({"name": name, "host": host, "outcome": outcome, "evidence": target["evidence"]})
        if not target["closed"]:
            cause = f"{target['url']} answers from outside: {target['evidence']}"
            _add_failure(found, host, name, cause, "What publishes that port? Only the gateway should.")


def _add_failure(found: dict[str, Any], host: str, thing: str, cause: str, next_step: str) -> None:
    found["failures"].append({"host": host, "thing": thing, "cause": cause, "next_step": next_step})
