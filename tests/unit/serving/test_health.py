# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.compose.milestones import milestone
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.serving import health, inside, look
from ansible_collections.inference.fleet.plugins.module_utils.serving.client import Endpoint

from .conftest import COMPLETION, KEY

HEALTHY = Path(__file__).parents[1] / "vllm_logs" / "healthy.log"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(health, "PAUSE", 0.05)


@pytest.fixture
def endpoint(port):
    return {
        "name": "web",
        "base_url": f"http://127.0.0.1:{port}/v1",
        "models": ["tiny"],
        "api_key": KEY,
        "keyed": True,
        "ca": None,
    }


def check(endpoints, timeout=0.0, via="", **patience):
    options = [Endpoint.of(endpoint) for endpoint in endpoints]
    return [asdict(outcome) for outcome in health.check_health(options, look.Patience(timeout, **patience), via)]


def outcome_of(endpoint, timeout=0.0, **patience):
    outcome = check([endpoint], timeout, **patience)[0]
    assert KEY not in json.dumps(outcome)
    assert outcome["ready"] == (not outcome["error"])
    return outcome


@pytest.mark.parametrize("slash", ["", "/"])
def test_what_serves_is_proven_by_what_it_generates(serve, endpoint, slash):
    serve()
    outcome = outcome_of({**endpoint, "base_url": endpoint["base_url"] + slash})
    assert 0 <= outcome.pop("latency_s") < 5
    assert outcome["stage"] == "generating"
    assert (outcome["models"], outcome["answers"]) == (["tiny"], {"tiny": " Paris"})


def test_a_wrong_key_is_final(serve, endpoint):
    serve(key="another")
    began = time.monotonic()
    error = outcome_of(endpoint, timeout=30)["error"]
    assert time.monotonic() - began < 5
    assert error.startswith(f"{endpoint['base_url']}/models: HTTP 401, ")
    assert "Bearer (its key)" in error


def test_a_server_that_lets_everybody_in_is_final(serve, endpoint):
    serve(key="")
    began = time.monotonic()
    assert outcome_of(endpoint, timeout=30)["error"] == "it lets in whoever has a wrong key"
    assert time.monotonic() - began < 5
    assert outcome_of({**endpoint, "keyed": False})["ready"]


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param(
            {"/v1/models": {"data": [{"id": "other"}, {"id": "more"}]}},
            "tiny is missing; it serves other, more",
            id="other models",
        ),
        pytest.param({"/v1/models": {"data": []}}, "tiny is missing; it serves nothing", id="no models"),
        pytest.param(
            {"/v1/models": "<html>Welcome"}, "{root}/v1/models: a page for browsers: does a proxy", id="no JSON"
        ),
        pytest.param(
            {"/v1/models": ["tiny"]}, "{root}/v1/models: the answer is no JSON object but '[\"tiny\"]'", id="list"
        ),
        pytest.param({"/v1/models": "null"}, "{root}/v1/models: the answer is no JSON object but 'null'", id="null"),
        pytest.param(
            {"/v1/completions": "oops"}, "{root}/v1/completions: the answer is no JSON but 'oops'", id="prose"
        ),
        pytest.param({"/v1/completions": {"choices": []}}, "tiny answered something that is no completion", id="empty"),
        pytest.param(
            {"/v1/completions": {**COMPLETION, "usage": {"completion_tokens": 0}}},
            "tiny generated no token",
            id="no token",
        ),
    ],
)
def test_what_does_not_serve_is_explained(serve, endpoint, answers, error):
    serve(answers=answers)
    root = endpoint["base_url"][: -len("/v1")]
    assert outcome_of(endpoint)["error"].startswith(error.format(root=root))


def test_nobody_there_is_asked_until_the_deadline(endpoint):
    began = time.monotonic()
    outcome = outcome_of(endpoint, timeout=0.3)
    assert "Connection refused" in outcome["error"]
    assert 0.2 < time.monotonic() - began < 3
    assert outcome["latency_s"] is None


def test_zero_seconds_are_one_look(endpoint):
    began = time.monotonic()
    assert not outcome_of(endpoint, timeout=0)["ready"]
    assert time.monotonic() - began < 1


def test_what_starts_late_is_found(serve, endpoint):
    late = threading.Timer(0.2, serve)
    late.start()
    assert outcome_of(endpoint, timeout=10)["ready"]
    late.join()


def test_endpoints_are_watched_side_by_side(serve, endpoint):
    serve()
    silent = {**endpoint, "name": "gone", "base_url": "http://127.0.0.1:9/v1"}
    began = time.monotonic()
    outcomes = check([silent, endpoint, silent], 0.3)
    assert [outcome["ready"] for outcome in outcomes] == [False, True, False]
    assert time.monotonic() - began < 3


def test_a_server_of_another_protocol_is_explained(port, endpoint):
    with socket.create_server(("127.0.0.1", port)) as listening:

        def greet():
            peer = listening.accept()[0]
            with peer:
                peer.recv(4096)
                peer.sendall(b"\x15\x03\x01\x00\x02\x02\x46\n")  # a TLS alert

        threading.Thread(target=greet, daemon=True).start()
        assert outcome_of(endpoint)["error"].startswith(f"http://127.0.0.1:{port}/health: ")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"api_key": KEY + "\n"}, "Invalid header value b'Bearer (its key)", id="key with a line break"),
        pytest.param({"api_key": f"{KEY}\nx"}, "Invalid header value b'Bearer (its key)", id="key of two lines"),
        pytest.param(
            {"ca": "no certificate", "base_url": "https://127.0.0.1:9/v1"},
            "the certificates to trust are none in PEM form",
            id="CA that is none",
        ),
        pytest.param({"base_url": "127.0.0.1/v1"}, "is no URL of a server", id="address without a scheme"),
    ],
)
def test_what_cannot_be_asked_is_explained(serve, endpoint, change, error):
    serve()
    assert error in outcome_of({**endpoint, **change})["error"]


def test_an_unserving_endpoint_is_an_error_that_names_it(endpoint):
    outcomes = health.check_health(
        [Endpoint.of({**endpoint, "name": name}) for name in ("web", "web-1")], look.Patience()
    )
    with pytest.raises(FleetError) as raised:
        health.require_ready(outcomes, 0)
    said = str(raised.value)
    assert said.startswith("Failed to get an answer from web, web-1 within 0 s: web: http://127.0.0.1")
    assert said.endswith("Look at `docker logs web` on its host.")
    assert KEY not in said


def test_ready_endpoints_are_no_error(serve, endpoint):
    serve()
    health.require_ready(health.check_health([Endpoint.of(endpoint)], look.Patience()), 0)


def test_a_server_without_health_checks_is_proven_by_what_it_generates(serve, endpoint):
    serve(answers={"/health": None})
    assert outcome_of(endpoint)["ready"]


def test_a_list_that_lacks_what_is_expected_is_final(serve, endpoint):
    serve(answers={"/v1/models": {"data": [{"id": "other"}]}})
    began = time.monotonic()
    assert outcome_of(endpoint, timeout=30)["stage"] == "ready"
    assert time.monotonic() - began < 5


METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
vllm:num_requests_running{{engine="0",model_name="tiny"}} {running}
vllm:generation_tokens_total{{engine="0",model_name="tiny"}} {tokens}
vllm:prompt_tokens_total{{engine="0",model_name="tiny"}} 7.0
"""


@pytest.mark.parametrize(
    ("running", "tokens_move", "error"),
    [
        pytest.param("2.0", False, "tiny: the engine hangs: 2 requests run, and not one token", id="hung"),
        pytest.param("2.0", True, "no whole answer within 0.3 s", id="busy"),
        pytest.param("0.0", False, "no whole answer within 0.3 s", id="idle"),
    ],
)
def test_a_hung_engine_is_told_from_a_busy_one(serve, endpoint, monkeypatch, running, tokens_move, error):
    monkeypatch.setattr(look, "HANG", 0.2)
    counts = iter(range(100, 200))

    def metrics():
        return METRICS.format(running=running, tokens=next(counts) if tokens_move else 100)

    serve(answers={"/metrics": metrics}, delays={"/v1/completions": 2.0})
    outcome = outcome_of(endpoint, timeout=0, generate=0.3)
    assert error in outcome["error"]


def test_a_dead_engine_is_not_waited_for(serve, endpoint):
    serve(answers={"/health": (503, "")})
    began = time.monotonic()
    assert outcome_of(endpoint, timeout=30)["error"].endswith("/health: HTTP 503, the engine is dead")
    assert time.monotonic() - began < 5


def test_a_gateway_without_replicas_is_waited_for(serve, endpoint):
    serve(answers={"/health": (503, "No replica answers.")})
    began = time.monotonic()
    assert "HTTP 503, No replica answers." in outcome_of(endpoint, timeout=0.4)["error"]
    assert time.monotonic() - began > 0.25


def test_what_does_not_move_is_not_waited_for(endpoint):
    began = time.monotonic()
    error = outcome_of(endpoint, timeout=30, stall=0.3)["error"]
    assert error.endswith("; nothing has moved for 0.3 s")
    assert time.monotonic() - began < 5


def test_a_recorded_start_reaches_its_milestones_in_turn():
    lines = HEALTHY.read_text().splitlines()
    told = [milestone("\n".join(lines[:count])) for count in range(len(lines) + 1)]
    assert [stage for stage in dict.fromkeys(told) if stage] == [
        "loading /model",
        "weights 0 of 1",
        "weights 1 of 1",
        "weights loaded in 1.34 s",
        "KV cache of 46,592 tokens",
        "engine initialized in 1.23 s",
        "server started",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("INFO 11-21 [core.py:1] Loading weights took 12.34 seconds", "weights loaded in 12.34 s"),
        ("Loading safetensors checkpoint shards:  50% Completed | 2/4 [00:01<00:01]", "weights 2 of 4"),
        (
            "(EngineCore pid=25) INFO [kv_cache_utils.py:8] GPU KV cache size: 45,504 tokens",
            "KV cache of 45,504 tokens",
        ),
        ("[Warmup][Prompt][3/56] batch_size:4 query_len:128", "warm-up (Prompt) 3 of 56"),
        ("INFO:     Application startup complete.", "server started"),
        ("nothing of note", ""),
    ],
)
def test_milestones_are_found_in_the_log(line, told):
    assert milestone(f"INFO first\n{line}\nsomething else\n") == told


@pytest.fixture
def fake_docker(tmp_path, monkeypatch):
    """Puts a docker command with the given shell script in front of any other."""

    def install(script):
        command = tmp_path / "docker"
        command.write_text(f"#!/bin/bash\n{script}\n")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    return install


def test_inside_a_container_the_script_alone_suffices(serve, endpoint, fake_docker, tmp_path):
    serve()
    fake_docker(f'[ "$3" = true ] && exit; echo "$*" > {tmp_path}/asked; shift 3; exec {sys.executable} "${{@:2}}"')
    outcomes = check([endpoint, {**endpoint, "name": "again"}], via="anchor")
    assert [outcome["answers"] for outcome in outcomes] == [{"tiny": " Paris"}] * 2
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("exec --interactive anchor python3 -I -c ")
    assert KEY not in asked


def test_a_container_that_returns_is_waited_for(serve, endpoint, fake_docker, tmp_path, monkeypatch):
    serve()
    monkeypatch.setattr(inside, "PAUSE", 0.01)
    fake_docker(
        f"[ -e {tmp_path}/back ] || {{ touch {tmp_path}/back; echo 'container is not running' >&2; exit 1; }}\n"
        f'[ "$3" = true ] && exit; shift 3; exec {sys.executable} "${{@:2}}"'
    )
    assert check([endpoint], 10, via="anchor")[0]["ready"]


def test_a_container_that_does_not_return_is_named(endpoint, fake_docker):
    fake_docker("echo 'Error response from daemon: No such container: anchor' >&2; exit 1")
    with pytest.raises(FleetError, match="Failed to ask from inside anchor: No such container: anchor"):
        check([endpoint], via="anchor")


def test_a_program_that_ends_is_no_answer(endpoint, fake_docker):
    fake_docker('[ "$3" = true ] && exit; echo "python3: not found" >&2; exit 127')
    with pytest.raises(FleetError, match="Failed to ask from inside anchor: python3: not found"):
        check([endpoint], via="anchor")
