# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source and result run by vLLM: what is asked of its container, and what the answers lead to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome
from ansible_collections.inference.fleet.plugins.module_utils.quantize import container
from ansible_collections.inference.fleet.plugins.module_utils.quantize.comparison import Runner, compare

SOURCE, MADE, CACHE = Path("/cache/source"), Path("/cache/made"), Path("/cache")


@pytest.fixture
def run(monkeypatch):
    """The containers that are run; each model finds the text as probable as ``run.nll`` says."""

    class Run(list):
        nll = {str(SOURCE): 2.5, str(MADE): 2.51}

    made = Run()

    def docker(verb, *arguments, stdin="", **_options):
        if verb == "create":
            made.append(arguments)
            return ""
        return json.dumps({"nll": made.nll[json.loads(stdin)["model"]]})

    monkeypatch.setattr(container, "docker", docker)
    monkeypatch.setattr(container, "look", lambda *_command, **_options: None)
    return made


def test_a_small_difference_is_kept_with_the_proof(run):
    found = compare(Runner("vllm:1"), SOURCE, MADE, CACHE, "fp8_dynamic", "m")
    assert found == {"nll_source": 2.5, "nll": 2.51, "image": "vllm:1"}
    assert all("--network=none" in arguments for arguments in run)
    assert all("--mount=type=bind,source=/cache,target=/cache,readonly" in arguments for arguments in run)


@pytest.mark.parametrize("after", [2.6, 2.4, float("nan")])
def test_a_large_one_in_either_direction_keeps_the_model_out(run, after):
    run.nll[str(MADE)] = after
    with pytest.raises(FleetError, match=r"Failed to quantize m: the mean negative log-likelihood .* from 2\.5000 to"):
        compare(Runner("vllm:1"), SOURCE, MADE, CACHE, "fp8_dynamic", "m")


def test_the_source_is_run_once_for_all_that_is_made_of_it(run):
    runner = Runner("vllm:1")
    for _scheme in ("fp8_dynamic", "int8_w8a8"):
        compare(runner, SOURCE, MADE, CACHE, "fp8_dynamic", "m")
    assert len(run) == 2


def test_gpus_are_given_where_they_are_named(run):
    Runner("vllm:1", "device=0").nll(SOURCE, CACHE)
    assert "--gpus=device=0" in run[0]


def test_what_vllm_says_is_the_cause(monkeypatch):
    def docker(verb, *_arguments, attempted, read_cause=None, **_options):
        if verb == "create":
            return ""
        raise FleetError(attempted, read_cause("RuntimeError: Insufficient space in /dev/shm for something"))

    monkeypatch.setattr(container, "docker", docker)
    monkeypatch.setattr(container, "docker_json", lambda *_arguments, **_options: {"ExitCode": 1})
    monkeypatch.setattr(container, "look", lambda *_command, **_options: Outcome(0, "", ""))
    with pytest.raises(FleetError, match=r"Failed to run /cache/source with vllm:1: .*(shared memory|/dev/shm)"):
        Runner("vllm:1").nll(SOURCE, CACHE)
