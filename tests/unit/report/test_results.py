# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of results, what is refused, and what follows from them."""

from __future__ import annotations

import math

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.plugin_utils.report.cases import (
    Case,
    cases_of,
    count,
    failures_of,
    verdict_of,
)
from ansible_collections.inference.fleet.plugins.plugin_utils.report.clean import plain
from ansible_collections.inference.fleet.plugins.plugin_utils.report.instances import fleet_of, summary
from ansible_collections.inference.fleet.plugins.plugin_utils.report.network import (
    network_state,
    network_words,
    reach,
)
from ansible_collections.inference.fleet.plugins.plugin_utils.report.results import read_results

from . import examples


def read(given):
    results = read_results(given)
    return results, cases_of(results)


def verdict(given):
    return verdict_of(*read(given))


def test_a_fleet_of_which_everything_is_right_serves():
    results, cases = read(examples.fleet())
    assert verdict_of(results, cases) == "serves"
    assert count(cases) == {"passed": 24, "failed": 0, "skipped": 3}
    assert failures_of(results, cases) == ()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("endpoints", {"ready": False}),
        ("overlay", {"ok": False}),
        ("checks", {"outcome": "fail"}),
        ("contracts", {"probes": [{"capability": "chat", "outcome": "fail"}]}),
        ("failures", {"thing": "disk"}),
    ],
)
def test_whatever_fails_the_fleet_does_not_serve(kind, change):
    given = examples.fleet()
    given[kind] = [{**entry, **change} for entry in given[kind][:1] or [{}]]
    assert verdict(given) == "does not serve"


def test_an_instance_that_nobody_asked_is_skipped_and_leaves_the_fleet_unproven():
    given = examples.fleet()
    given["endpoints"].pop()
    results, cases = read(given)
    assert verdict_of(results, cases) == "not verified"
    (silent,) = [case for case in cases if case.kind == "endpoints" and case.outcome == "skip"]
    assert (silent.name, silent.evidence) == ("smollm2-135m-host-b", "not asked")


@pytest.mark.parametrize("given", [{}, {"fleet": None, "endpoints": None}, {"fleet": {"hosts": [{}]}}])
def test_of_nothing_nothing_is_claimed(given):
    assert verdict(given) == "not verified"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "results is '[]', not a mapping"),
        ({"fleet": "demo"}, "results.fleet is 'demo', not a mapping"),
        ({"endpoints": {"name": "a"}}, "results.endpoints is \"{'name': 'a'}\", not a list"),
        ({"endpoints": ["a"]}, "results.endpoints[0] is 'a', not a mapping"),
        ({"endpoints": [{"ready": "yes"}]}, "results.endpoints[0].ready is 'yes', not true or false"),
        ({"endpoints": [{"name": ["a"]}]}, "results.endpoints[0].name is \"['a']\", not text"),
        ({"endpoints": [{"latency_s": "soon"}]}, "results.endpoints[0].latency_s is 'soon', not a number"),
        ({"endpoints": [{"latency_s": "inf"}]}, "results.endpoints[0].latency_s is 'inf', not a number"),
        ({"checks": [{"name": "a"}]}, "results.checks[0].outcome is absent, not pass, fail or skip"),
        (
            {"contracts": [{"probes": [{}, {"outcome": "passed"}]}]},
            "results.contracts[0].probes[0].outcome is absent, not pass, fail or skip",
        ),
        ({"fleet": {"hosts": [{"versions": ["26"]}]}}, "results.fleet.hosts[0].versions is \"['26']\", not a mapping"),
    ],
)
def test_what_cannot_be_meant_is_named(given, said):
    with pytest.raises(FleetError) as raised:
        read_results(given)
    assert str(raised.value) == f"Failed to report a verification: {said}. Correct the results."


def test_values_become_plain_and_other_keys_are_kept():
    value = plain({"a": (1, math.nan, "b\x00\x1b[1mc\x1b[0m\r\n"), 2: {"now": True}})
    assert value == {"a": [1, None, "b\ufffdc\n"], "2": {"now": True}}
    assert read_results({"extra": [1]}).given == {"extra": [1]}


def test_what_failed_is_added_to_what_is_known():
    results, cases = read(examples.broken())
    failures = failures_of(results, cases)
    assert [failure.thing for failure in failures] == ["model-1-host-b", "overlay network", "model-0-host-a"]
    assert failures[2].cause.startswith("tools_required: HTTP 200, but no tool was called")


def test_one_cause_is_said_once():
    given = examples.broken()
    given["failures"] = []
    failures = {failure.thing: failure for failure in failures_of(*read(given))}
    assert failures["model-1-host-b"].next_step == "Look at `docker logs model-1-host-b` on host-b."
    assert failures["overlay network"].cause == (
        "host-a to host-c, host-b to host-c, host-c to host-a, host-c to host-b: "
        "no packet arrived in 30 s; UDP port 4789 may be closed"
    )


def test_names_of_cases_stay_the_same():
    names = {(case.suite, case.name) for case in cases_of(read_results(examples.fleet()))}
    assert ("endpoints", "smollm2-135m-host-a") in names
    assert ("contracts.smollm2-135m-host-b", "tools_required") in names
    assert ("overlay", "host-a to host-b") in names
    assert ("checks", "the gateway refuses who has no key") in names
    assert all(isinstance(case, Case) for case in cases_of(read_results(examples.large())))


def test_a_row_says_of_an_instance_where_it_is_and_how_it_is():
    rows = {row["instance"]: row for row in summary(read_results(examples.broken()))}
    assert rows["model-0-host-a"] == {
        "instance": "model-0-host-a",
        "host": "host-a",
        "models": "model-0",
        "state": "serving, with failures",
        "passed": "10",
        "failed": "1",
        "skipped": "0",
        "latency": "0.140 s",
    }
    assert rows["model-1-host-b"]["state"] == "down: loading weights"
    assert rows["model-1-host-b"]["latency"] == ""
    assert rows["gateway-haproxy"]["models"] == "model-0, model-1"
    assert len({tuple(row) for row in rows.values()}) == 1


def test_who_is_not_in_the_plan_is_shown_too():
    fleet = fleet_of(read_results({"endpoints": [{"name": "a", "host": "b", "ready": True, "models": ["c"]}]}))
    assert [host.name for host in fleet.hosts] == ["b"]
    assert [(item.service.instance, item.service.serves, item.state) for item in fleet.on(fleet.hosts[0])] == [
        ("a", "c", "good")
    ]


def test_the_host_that_is_cut_off_is_told_from_those_that_miss_it():
    pairs = read_results(examples.broken()).overlay
    assert [reach(name, pairs) for name in ("host-a", "host-b", "host-c", "host-d")] == [
        "good",
        "good",
        "bad",
        "unknown",
    ]
    assert network_state(pairs) == "partly"
    assert network_words(pairs) == "MTU 1450 · 2 of 6 pairs cross"


def test_a_pair_that_misses_each_other_misses_some():
    given = examples.fleet(3)["overlay"]
    given[0]["ok"] = False
    pairs = read_results({"overlay": given}).overlay
    assert [reach(name, pairs) for name in ("host-a", "host-b", "host-c")] == ["partly", "partly", "good"]


def test_a_network_is_encrypted_only_if_all_of_it_is_known_to_be():
    pairs = examples.fleet(3)["overlay"]
    told = {None: "", True: " · encrypted", False: " · not encrypted"}
    for encrypted, words in told.items():
        given = read_results({"overlay": [{**pair, "encrypted": encrypted} for pair in pairs]})
        assert network_words(given.overlay) == f"MTU 1450 · 6 of 6 pairs cross{words}"
    assert network_words(()) == "not tried"


def test_what_has_the_same_name_on_two_hosts_is_told_apart():
    entry = {"name": "gateway-haproxy", "models": ["m"]}
    check = {"name": "the gateway refuses who has no key", "outcome": "fail", "evidence": "HTTP 200"}
    given = {
        "endpoints": [
            {**entry, "host": "a", "ready": True},
            {**entry, "host": "b", "ready": False, "error": "refused"},
        ],
        "checks": [{**check, "host": "a"}, {**check, "host": "b"}],
        "failures": [{"host": "a", "thing": check["name"], "cause": "no key is set"}],
    }
    results, cases = read(given)
    assert [(item.service.host, item.state) for item in fleet_of(results).gateways] == [("a", "good"), ("b", "bad")]
    assert [(failure.host, failure.cause) for failure in failures_of(results, cases)] == [
        ("a", "no key is set"),
        ("b", "refused"),
        ("b", "HTTP 200"),
    ]


def test_models_of_one_instance_are_told_apart():
    probes = [{"capability": "chat", "outcome": "pass"}]
    given = {"contracts": [{"service": "a", "model": model, "probes": probes} for model in ("base", "tuned")]}
    assert [case.name for case in read(given)[1]] == ["chat of base", "chat of tuned"]


@pytest.mark.parametrize(
    ("ready", "outcomes", "state"),
    [
        (True, [], "good"),
        (True, ["pass", "skip"], "good"),
        (True, ["pass", "fail"], "partly"),
        (True, ["fail"], "partly"),
        (False, ["pass"], "bad"),
        (None, [], "unknown"),
        (None, ["pass"], "unknown"),
        (None, ["pass", "fail"], "partly"),
        (None, ["fail", "skip"], "bad"),
    ],
)
def test_an_instance_is_as_its_endpoint_and_its_contract_say(ready, outcomes, state):
    given = {
        "endpoints": [{"name": "a", "ready": ready}],
        "contracts": [
            {"service": "a", "probes": [{"capability": str(n), "outcome": o} for n, o in enumerate(outcomes)]}
        ],
    }
    (instance,) = fleet_of(read_results(given)).instances
    assert instance.state == state
