# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.inference.fleet.plugins.plugin_utils.report.files import report
from ansible_collections.inference.fleet.plugins.plugin_utils.verification import verification

URL = "http://192.0.2.11:4000/v1"
GROUPS = {"fleet": ["gpu-a", "gpu-b", "gpu-c"], "serving": ["gpu-a", "gpu-b"], "gateway": ["gpu-a"]}
PLAN = {
    "services": [{"instance": f"web-gpu-{letter}", "host": f"gpu-{letter}", "serves": "tiny"} for letter in "ab"],
    "routes": [{"model": "tiny", "backends": "web-gpu-a, web-gpu-b"}],
}


def endpoint(name, error="", next_step=""):
    return {
        "name": name,
        "base_url": URL,
        "version": "0.32.0",
        "ready": not error,
        "models": ["tiny"],
        "latency_s": 0.1,
        "error": error,
        "next_step": next_step,
    }


def probed(capability, outcome):
    return {"capability": capability, "outcome": outcome, "evidence": "seen", "latency_s": 0.2}


HOSTVARS = {
    "gpu-a": {
        "fleet_plan": PLAN,
        "ansible_host": "192.0.2.11",
        "overlay_anchor_name": "anchor-a",
        "verify_models": ["tiny"],
        "verify_proof": {"endpoints": [endpoint("web-gpu-a")]},
        "verify_gateway_proof": {"endpoints": [endpoint("gateway-haproxy")]},
        "verify_contract_proof": {
            "services": [
                {"name": "web-gpu-a", "model": "tiny", "probes": [probed("chat", "pass"), probed("regex", "fail")]}
            ]
        },
        "verify_overlay_proof": {
            "peers": {"anchor-b": {"full": True, "stream": True, "mtu": 1450, "mb_per_s_to": 900.0, "encrypted": None}}
        },
        "verify_exposure": {
            "targets": [
                {"name": "vLLM", "url": "http://192.0.2.11:8000/health", "closed": False, "evidence": "HTTP 200"}
            ]
        },
        "verify_host": {
            "distribution": {"name": "Debian 13"},
            "kernel": "6.12",
            "engine": {"version": "28.5"},
            "compose": None,
        },
    },
    "gpu-b": {
        "fleet_plan": PLAN,
        "overlay_anchor_name": "anchor-b",
        "verify_proof": {"endpoints": [endpoint("web-gpu-b", "its container died: no memory", "Use more.")]},
        "verify_overlay_proof": {"failed": False, "failed_when_result": False, "msg": "Failed to send"},
    },
    "gpu-c": {"fleet_plan": PLAN},
}


def found(reached=("gpu-a", "gpu-b", "gpu-c")):
    return verification(HOSTVARS, HOSTVARS, GROUPS, reached)


def test_everything_that_is_broken_is_a_failure_with_its_cause():
    failures = report(found())[0]["failures"]
    assert {(failure["host"], failure["thing"], failure["cause"]) for failure in failures} == {
        ("gpu-a", "web-gpu-a", "regex: seen"),
        ("gpu-a", "exposure of vLLM", "http://192.0.2.11:8000/health answers: HTTP 200"),
        ("gpu-b", "web-gpu-b", "its container died: no memory"),
        ("gpu-b", "overlay network", "Failed to send"),
    }
    steps = {failure["thing"]: failure["next_step"] for failure in failures}
    assert steps["web-gpu-b"] == "Use more."
    assert steps["exposure of vLLM"] == "What publishes that port? Only the gateway should."


def test_a_host_that_was_not_reached_is_a_failure():
    failures = found(reached=["gpu-a", "gpu-c"])["failures"]
    assert ("gpu-b", "it was not reached") in [(failure["host"], failure["cause"]) for failure in failures]


def test_the_fleet_is_as_the_plan_says():
    fleet = found()["fleet"]
    assert fleet["services"] == PLAN["services"]
    assert fleet["gateway_url"] == "http://192.0.2.11:4000/v1"
    assert fleet["hosts"][0] == {
        "name": "gpu-a",
        "address": "192.0.2.11",
        "roles": ["gateway", "serving"],
        "versions": {"kernel": "6.12", "Docker": "28.5", "vLLM": "0.32.0", "distribution": "Debian 13"},
    }


def test_pairs_of_the_overlay_are_named_by_host():
    (pair,) = found()["overlay"]
    assert (pair["from"], pair["to"], pair["ok"], pair["mb_per_s"]) == ("gpu-a", "gpu-b", True, 900.0)


def test_the_report_takes_it():
    said, texts = report({**found(), "finished_at": "2026-01-01T00:00:00Z"})
    assert said["verdict"] == "does not serve"
    assert "no memory" in texts["report.html"]


def test_what_caches_should_hold_stands_beside_what_they_hold():
    predicted = {
        "services": [{"name": "web-gpu-a", "kv_cache_tokens": 46592}, {"name": "web-gpu-b", "fits": "unknown"}]
    }
    proof = {"endpoints": [{**endpoint("web-gpu-a"), "kv_cache_tokens": 46500}]}
    hostvars = {**HOSTVARS, "gpu-a": {**HOSTVARS["gpu-a"], "verify_proof": proof, "verify_fit": predicted}}
    found = verification(GROUPS["serving"], hostvars, GROUPS, GROUPS["serving"])
    assert [service.get("kv_cache_tokens") for service in found["fleet"]["services"]] == [46592, None]
    assert "46,500<small>predicted 46,592, +0.2 %</small>" in report(found)[1]["report.html"]


def test_a_prediction_that_failed_is_skipped_with_its_cause_and_fails_nothing():
    hostvars = {**HOSTVARS, "gpu-a": {**HOSTVARS["gpu-a"], "verify_fit": {"msg": "Failed to read devices: none."}}}
    found = verification(GROUPS["serving"], hostvars, GROUPS, GROUPS["serving"])
    (check,) = [check for check in found["checks"] if check["outcome"] == "skip"]
    assert (check["host"], check["evidence"]) == ("gpu-a", "Failed to read devices: none.")
    assert "Failed to read devices: none." not in {failure["cause"] for failure in report(found)[0]["failures"]}
