# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a play found, put together as the report takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any


def verification(
    asked: Iterable[str],
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    reached: Collection[str],
) -> dict[str, Any]:
    """The ``results`` of verification_report, from what the role verify registered on the hosts that it ``asked``.

    What failed follows from what was found; only what kept a host from finding out is named among the ``failures``.
    """
    hosts = {host: hostvars[host] for host in asked}
    plans: list[Mapping[str, Any]] = [
        variables["fleet_plan"] for variables in hosts.values() if "fleet_plan" in variables
    ]
    plan = plans[0] if plans else {}
    anchors = {hostvars[host].get("overlay_anchor_name"): host for host in groups.get("fleet", [])}
    predicted = {name: tokens for variables in hosts.values() for name, tokens in _predicted(variables)}
    found: dict[str, Any] = {
        "fleet": {
            "hosts": [_host(host, variables, groups) for host, variables in hosts.items()],
            "services": [{**service, **predicted.get(service["instance"], {})} for service in plan.get("services", [])],
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
        _add_unpredicted(found, host, variables.get("verify_fit") or {})
    return found


def _host(host: str, variables: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    known = variables.get("verify_host") or {}
    endpoints = (variables.get("verify_proof") or {}).get("endpoints") or []
    versions = {
        "kernel": known.get("kernel"),
        "Docker": (known.get("engine") or {}).get("version"),
        "Compose": known.get("compose"),
        "vLLM": ", ".join(sorted({endpoint["version"] for endpoint in endpoints if endpoint["version"]})),
        "distribution": (known.get("distribution") or {}).get("name"),
    }
    return {
        "name": host,
        "address": str(variables.get("ansible_host") or host),
        "roles": [role for role in ("gateway", "serving") if host in groups.get(role, [])],
        "versions": {name: version for name, version in versions.items() if version},
    }


def _predicted(variables: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, int]]]:
    """How many tokens the KV cache of each instance should hold, where that could be said."""
    for service in (variables.get("verify_fit") or {}).get("services") or []:
        if service.get("kv_cache_tokens"):
            yield service["name"], {"kv_cache_tokens": service["kv_cache_tokens"]}


def _add_endpoints(found: dict[str, Any], host: str, result: Mapping[str, Any]) -> None:
    endpoints = result.get("endpoints") or []
    found["endpoints"] += [{**endpoint, "host": host} for endpoint in endpoints]
    if not endpoints:
        _add_failure(found, host, "health", result)


def _add_contracts(found: dict[str, Any], host: str, result: Mapping[str, Any]) -> None:
    services = result.get("services") or []
    found["contracts"] += [
        {"service": service["name"], "host": host, "model": service["model"], "probes": service["probes"]}
        for service in services
    ]
    if not services:
        _add_failure(found, host, "contracts", result)


def _add_overlay(found: dict[str, Any], host: str, result: Mapping[str, Any], anchors: Mapping[Any, str]) -> None:
    found["overlay"] += [
        {
            "from": host,
            "to": anchors.get(peer, peer),
            "ok": bool(seen.get("full") and seen.get("stream")),
            "mtu": seen.get("mtu"),
            "mb_per_s": seen.get("mb_per_s_to"),
            "encrypted": seen.get("encrypted"),
        }
        for peer, seen in (result.get("peers") or {}).items()
    ]
    _add_failure(found, host, "overlay network", result)


def _add_exposure(found: dict[str, Any], host: str, result: Mapping[str, Any]) -> None:
    found["checks"] += [
        {
            "name": f"exposure of {target['name']}",
            "host": host,
            "outcome": "pass" if target["closed"] else "fail",
            "evidence": target["evidence"] if target["closed"] else f"{target['url']} answers: {target['evidence']}",
            "next_step": "What publishes that port? Only the gateway should.",
        }
        for target in result.get("targets") or []
    ]


def _add_unpredicted(found: dict[str, Any], host: str, result: Mapping[str, Any]) -> None:
    """Why nothing was predicted. What serves is not worse for it."""
    if result.get("msg"):
        check = {"name": "prediction of KV caches", "host": host, "outcome": "skip", "evidence": str(result["msg"])}
        found["checks"].append(check)


def _add_failure(found: dict[str, Any], host: str, thing: str, result: Mapping[str, Any]) -> None:
    """What kept a module from finding out anything. Only then it has a message; in the play it counts as no failure."""
    if result.get("msg"):
        found["failures"].append({"host": host, "thing": thing, "cause": str(result["msg"]), "next_step": ""})
