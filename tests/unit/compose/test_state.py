# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.compose.state import (
    Container,
    assess,
    has_died,
    parse_container,
)

NOW = datetime(2026, 11, 21, 8, 20, 30, tzinfo=timezone.utc)
INSPECTED = {
    "Id": "f31683abe912",
    "Name": "/vllm-0",
    "RestartCount": 2,
    "HostConfig": {"Memory": 2**30},
    "State": {
        "Status": "running",
        "OOMKilled": False,
        "ExitCode": 0,
        "Error": "",
        "StartedAt": "2026-11-21T08:20:26.819235302Z",
        "Health": {"Status": "starting", "FailingStreak": 0, "Log": []},
    },
    "Config": {
        "Image": "vllm:1",
        "Labels": {"com.docker.compose.service": "vllm", "com.docker.compose.config-hash": "ab12"},
    },
}


def container(**change):
    usual = {"id": "1", "name": "web", "service": "web", "image": "i", "state": "running", "health": "healthy"}
    return Container(**{**usual, "config_hash": "h", **change})


def test_an_inspection_is_read():
    assert parse_container(INSPECTED, NOW) == Container(
        id="f31683abe912",
        name="vllm-0",
        service="vllm",
        image="vllm:1",
        state="running",
        health="starting",
        restarts=2,
        config_hash="ab12",
        running_for=4.0,
        memory_limit=2**30,
    )


def test_a_container_that_never_ran_and_has_no_check_is_read():
    state = {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z", "Health": {"Status": "none"}, "Error": "no port"}
    read = parse_container({**INSPECTED, "State": state, "Config": {"Image": "i", "Labels": None}}, NOW)
    assert (read.state, read.health, read.error, read.service) == ("created", None, "no port", "")
    assert not read.up


@pytest.mark.parametrize(
    ("change", "up", "coming_up"),
    [
        pytest.param({}, True, False, id="healthy"),
        pytest.param({"health": "starting"}, False, True, id="starting"),
        pytest.param({"health": "unhealthy"}, False, False, id="unhealthy"),
        pytest.param({"health": None, "running_for": 0.5}, False, True, id="no check, just started"),
        pytest.param({"health": None, "running_for": 5.0}, True, False, id="no check, settled"),
        pytest.param({"state": "exited"}, False, False, id="exited"),
        pytest.param({"state": "paused"}, False, False, id="paused"),
    ],
)
def test_up_means_that_it_does_its_work(change, up, coming_up):
    assert (container(**change).up, container(**change).coming_up) == (up, coming_up)


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        pytest.param({}, [], id="as proven"),
        pytest.param({"health": "starting"}, [], id="still starting"),
        pytest.param({"state": "restarting"}, [], id="restarting"),
        pytest.param({"config_hash": "x"}, ["web changed"], id="changed"),
        pytest.param({"state": "created"}, ["web stopped"], id="never started"),
        pytest.param({"state": "exited", "health": "unhealthy"}, ["web stopped"], id="stopped, thus unhealthy"),
        pytest.param({"state": "paused"}, ["web paused"], id="paused"),
        pytest.param({"health": "unhealthy"}, ["web unhealthy"], id="unhealthy"),
        pytest.param({"service": "old"}, ["web absent", "old surplus"], id="another service"),
    ],
)
def test_drift_is_put_in_words(change, reasons):
    assessment = assess({"web": "h"}, [container(**change)])
    assert assessment.reasons == reasons
    assert assessment.needs_up == bool(reasons)


@pytest.mark.parametrize("change", [{"health": "starting"}, {"state": "restarting"}])
def test_what_is_on_its_way_is_waited_for(change):
    assert assess({"web": "h"}, [container(**change)]).coming_up == ("web",)


@pytest.mark.parametrize(
    ("change", "died"),
    [({}, False), ({"restarts": 1}, True), ({"state": "exited"}, True), ({"state": "created"}, False)],
)
def test_a_restart_counts_as_death(change, died):
    assert has_died(container(**change), restarts_before=0) is died
