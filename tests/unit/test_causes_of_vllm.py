# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of known failures against the logs in vllm_logs/: recorded from real vLLM, or its sources' own words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.inference.fleet.plugins.module_utils.causes.log import telling_lines
from ansible_collections.inference.fleet.plugins.module_utils.causes.of_host import SILENT
from ansible_collections.inference.fleet.plugins.module_utils.causes.why import KNOWN, why_it_died
from ansible_collections.inference.fleet.plugins.module_utils.compose.state import Container

ALL = (*KNOWN, *SILENT)
LOGS = Path(__file__).with_name("vllm_logs")
INDEX = yaml.safe_load((LOGS / "index.yml").read_text())
HEALTHY = "healthy"


def dead(**state):
    return Container(
        **{"id": "1", "name": "web", "service": "web", "image": "i", "state": "exited", "health": None, **state}
    )


def log(name):
    return (LOGS / f"{name}.log").read_text()


@pytest.mark.parametrize("name", [name for name in INDEX if name != HEALTHY])
def test_a_recorded_failure_is_named_with_its_numbers_and_the_next_step(name):
    case = INDEX[name]
    state = case.get("state", {"exit_code": 1})
    why = why_it_died(dead(**state), "" if "error" in state else log(name))
    assert why.id == name.partition("-")[0]
    for part in case["cause"]:
        assert part in why.cause
    for part in case["step"]:
        assert part in why.next_step
    assert "{" not in why.next_step


def test_a_healthy_start_tells_of_no_failure():
    lines = telling_lines(log(HEALTHY))
    told = [(failure.id, line.text) for failure in ALL for line in lines if failure.met(line.text, log(HEALTHY))]
    assert told == []
    assert not why_it_died(dead(state="running", health="unhealthy"), log(HEALTHY)).found


def test_every_log_is_in_the_index_and_every_known_failure_has_a_log():
    logs = {name for name, case in INDEX.items() if "error" not in case.get("state", {})}
    assert {path.stem for path in LOGS.glob("*.log")} == logs
    assert {failure.id for failure in ALL} - {name.partition("-")[0] for name in INDEX} == set()


def test_every_log_says_where_it_comes_from():
    assert [name for name, case in INDEX.items() if ("by" in case) == ("source" in case)] == []


def test_the_logs_are_short_enough_to_read():
    assert max(len(path.read_text().splitlines()) for path in LOGS.glob("*.log")) <= 220
