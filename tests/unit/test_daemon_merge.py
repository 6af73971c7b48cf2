# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.docker.daemon_merge import (
    combined,
    conflicts,
    merged,
    secrets,
    text_without_secrets,
    without_secrets,
)

HABANA = {"path": "/usr/bin/habana-container-runtime", "runtimeArgs": []}
NVIDIA = {"path": "nvidia-container-runtime"}


def test_objects_are_merged_and_all_else_is_replaced():
    base = {"log-opts": {"max-size": "10m", "max-file": "3"}, "dns": ["192.0.2.1"]}
    assert merged(base, {"log-opts": {"max-size": "1m"}, "dns": ["192.0.2.2"]}) == {
        "log-opts": {"max-size": "1m", "max-file": "3"},
        "dns": ["192.0.2.2"],
    }


def test_an_object_takes_the_place_of_a_value():
    assert merged({"features": True}, {"features": {"cdi": True}}) == {"features": {"cdi": True}}


def test_contributors_share_an_object():
    found = {"debug": True, "runtimes": {"nvidia": NVIDIA}}
    recorded = {"nvidia": {"runtimes": {"nvidia": NVIDIA}}}
    assert combined(found, recorded, "gaudi", {"runtimes": {"habana": HABANA}}) == {
        "debug": True,
        "runtimes": {"nvidia": NVIDIA, "habana": HABANA},
    }


@pytest.mark.parametrize(
    ("found", "recorded", "wanted", "result"),
    [
        pytest.param(
            {"debug": True, "runtimes": {"habana": HABANA}},
            {"gaudi": {"runtimes": {"habana": HABANA}}},
            {},
            {"debug": True},
            id="with the object that it leaves empty",
        ),
        pytest.param(
            {"runtimes": {"habana": HABANA, "by-hand": NVIDIA}},
            {"gaudi": {"runtimes": {"habana": HABANA}}},
            {},
            {"runtimes": {"by-hand": NVIDIA}},
            id="not what nobody contributed",
        ),
        pytest.param(
            {"log-driver": "local"},
            {"gaudi": {"log-driver": "local"}, "docker": {"log-driver": "local"}},
            {},
            {"log-driver": "local"},
            id="not what another one contributes as well",
        ),
        pytest.param(
            {"log-driver": "journald"},
            {"gaudi": {"log-driver": "local"}},
            {},
            {"log-driver": "journald"},
            id="not what somebody has set otherwise meanwhile",
        ),
        pytest.param(
            {"a": {"b": {"c": 1}}, "d": 2},
            {"gaudi": {"a": {"b": {"c": 1}}, "d": 2}},
            {"a": 3},
            {"a": 3},
            id="an object becomes a value",
        ),
        pytest.param({}, {"gaudi": {"a": {"b": 1}}}, {}, {}, id="nor what is gone already"),
        pytest.param({"a": 1}, {"gaudi": {"a": {"b": 1}}}, {}, {"a": 1}, id="nor what has another shape now"),
    ],
)
def test_what_is_no_longer_contributed_goes(found, recorded, wanted, result):
    assert combined(found, recorded, "gaudi", wanted) == result


def test_what_others_contribute_is_put_back_when_somebody_took_it_out():
    assert combined({}, {"nvidia": {"debug": True}}, "gaudi", {}) == {"debug": True}


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({"default-runtime": "nvidia"}, {"default-runtime": "habana"}),
        ({"debug": True}, {"debug": 1}),
        ({"dns": ["192.0.2.1"]}, {"dns": ["192.0.2.2"]}),
        ({"features": {"cdi": True}}, {"features": {"cdi": False}}),
        ({"features": {"cdi": True}}, {"features": "all"}),
        ({"features": "all"}, {"features": {"cdi": True}}),
    ],
)
def test_two_values_for_one_option_are_a_conflict(theirs, mine):
    (conflict,) = conflicts({"nvidia": theirs}, "gaudi", mine)
    assert conflict.startswith("gaudi wants ")
    assert " and nvidia wants " in conflict


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({"log-driver": "local"}, {"log-driver": "local"}),
        ({"runtimes": {"nvidia": NVIDIA}}, {"runtimes": {"habana": HABANA}}),
        ({"runtimes": {}}, {"runtimes": {"habana": HABANA}}),
    ],
)
def test_what_can_stand_together_is_no_conflict(theirs, mine):
    assert conflicts({"nvidia": theirs, "gaudi": {"debug": True}}, "gaudi", mine) == []


def test_a_conflict_names_both_values_but_no_password():
    theirs = {"proxies": {"http-proxy": "http://joe:first@proxy:3128"}}
    mine = {"proxies": {"http-proxy": "http://joe:second@proxy:3128"}, "debug": True}
    (conflict,) = conflicts({"docker": theirs}, "gaudi", mine)
    assert 'proxies.http-proxy: "http://(secret)@proxy:3128"' in conflict
    assert "first" not in conflict
    assert "second" not in conflict


def test_secrets_are_found_and_hidden():
    config = {
        "proxies": {"https-proxy": "https://joe:p@ss@proxy:3128", "no-proxy": "10.0.0.0/8"},
        "log-opts": {"splunk-token": "176FCEBF", "splunk-url": "https://splunk.example.com"},
        "registry-mirrors": ["https://key:word@mirror.example.com", "https://mirror.example.com"],
        "debug": True,
    }
    assert secrets(config) == {"https://joe:p@ss@proxy:3128", "176FCEBF", "https://key:word@mirror.example.com"}
    assert without_secrets(config) == {
        "proxies": {"https-proxy": "https://(secret)@proxy:3128", "no-proxy": "10.0.0.0/8"},
        "log-opts": {"splunk-token": "(secret)", "splunk-url": "https://splunk.example.com"},
        "registry-mirrors": ["https://(secret)@mirror.example.com", "https://mirror.example.com"],
        "debug": True,
    }


def test_an_engine_that_quotes_a_proxy_tells_no_password():
    assert text_without_secrets("bad proxy http://joe:word@proxy:x") == "bad proxy http://(secret)@proxy:x"
