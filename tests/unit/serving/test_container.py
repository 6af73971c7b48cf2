# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.serving import container, health
from ansible_collections.inference.fleet.plugins.module_utils.serving.client import Endpoint
from ansible_collections.inference.fleet.plugins.module_utils.serving.look import Patience

LOG = "INFO Loading weights took 2.5 seconds\n"
DIED = LOG + "api_server.py: error: unrecognized arguments: --swap-space 4\n"


@pytest.fixture
def engine(monkeypatch):
    """What the engine says of the container in turn, the last again and again; None where there is none."""
    monkeypatch.setattr(health, "PAUSE", 0.05)

    def say(*states, log=LOG, policy="no"):
        left = list(states)

        def inspect(_path):
            state = left.pop(0) if len(left) > 1 else left[0]
            if state is None:
                raise FleetError("Failed to ask the Docker engine", "No such container: web")
            return {
                "Id": "abc",
                "Name": "/web",
                "Config": {"Image": "vllm", "Labels": {}},
                "RestartCount": state[1],
                "HostConfig": {"RestartPolicy": {"Name": policy}},
                "State": {"Status": state[0], "ExitCode": 2, "StartedAt": "2026-01-01T00:00:00Z"},
            }

        monkeypatch.setattr(container, "engine_get", inspect)
        monkeypatch.setattr(container, "log_of", lambda _container: log)

    return say


def followed(timeout):
    began = time.monotonic()
    endpoint = Endpoint("web", "http://127.0.0.1:9/v1", ("tiny",), container="web")
    (outcome,) = health.check_health([endpoint], Patience(timeout))
    return outcome, time.monotonic() - began


def test_a_container_that_exits_ends_the_wait_with_its_cause(engine):
    engine(("running", 0), ("exited", 0), log=DIED)
    outcome, took = followed(30)
    assert took < 5
    assert (outcome.stage, outcome.ready) == ("created", False)
    assert outcome.error.startswith("its container died: ")
    assert "--swap-space" in outcome.error
    assert outcome.next_step


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_what_an_engine_that_comes_up_has_not_started_yet_is_waited_for(engine, policy):
    engine(("exited", 0), ("exited", 0), ("running", 0), policy=policy)
    outcome, _took = followed(1)
    assert outcome.stage == "loading"
    assert "Connection refused" in outcome.error


def test_what_no_engine_starts_again_is_said(engine, monkeypatch):
    monkeypatch.setattr(container, "RETURN", 0.2)
    engine(("exited", 0), log=DIED, policy="unless-stopped")
    outcome, took = followed(30)
    assert 0.2 < took < 5
    assert "--swap-space" in outcome.error


def test_each_end_is_waited_for_anew(engine, monkeypatch):
    monkeypatch.setattr(container, "RETURN", 0.2)
    engine(("exited", 0), *[("running", 0)] * 8, ("exited", 0), ("running", 0), policy="unless-stopped")
    outcome, _took = followed(1)
    assert "Connection refused" in outcome.error


def test_a_container_that_restarts_ends_the_wait(engine):
    engine(("running", 3), ("running", 4), log=DIED)
    outcome, took = followed(30)
    assert took < 5
    assert outcome.error.startswith("its container died: ")


def test_restarts_of_the_past_do_not_count(engine):
    engine(("running", 3))
    outcome, _took = followed(0.2)
    assert (outcome.stage, outcome.progress) == ("loading", "weights loaded in 2.5 s")
    assert "Connection refused" in outcome.error


@pytest.mark.parametrize(
    ("state", "stage"), [(None, "absent"), (("created", 0), "created"), (("paused", 0), "created")]
)
def test_what_does_not_run_is_not_asked(engine, state, stage):
    engine(state)
    outcome, _took = followed(0)
    assert outcome.stage == stage
    assert outcome.error.startswith("its container is ")
