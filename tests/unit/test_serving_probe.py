# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.serving import probe as serving_probe
from ansible_collections.inference.fleet.plugins.module_utils.serving import readiness as serving

KEY = "sk-never-to-be-seen"
MODELS = {"object": "list", "data": [{"id": "tiny", "object": "model"}]}
COMPLETION = {
    "object": "text_completion",
    "model": "tiny",
    "choices": [{"index": 0, "text": " Paris", "finish_reason": "length"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
}


class Server(BaseHTTPRequestHandler):
    """Answers as an OpenAI-compatible server does; a subclass's attributes say what is wrong with it."""

    key = KEY
    answers = {"/health": "", "/v1/models": MODELS, "/v1/completions": COMPLETION}

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked_with = self.headers.get("Authorization", "")
        if self.path != "/health" and self.key and asked_with != f"Bearer {self.key}":
            return self.say(401, {"error": f"Unauthorized: {asked_with}"})  # some repeat the key
        answer = self.answers.get(self.path)
        return self.say(404, {"error": "Not Found"}) if answer is None else self.say(200, answer)

    do_POST = do_GET  # noqa: N815 - http.server's names

    def say(self, status, answer):
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(serving_probe, "PAUSE", 0.05)


@pytest.fixture
def port():
    """A port on which nothing listens yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def serve(port):
    """Starts a server with the given attributes on ``port``."""
    running = []

    def start(**attributes):
        answers = {**Server.answers, **attributes.pop("answers", {})}
        handler = type("Told", (Server,), {**attributes, "answers": answers})
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


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


def outcome_of(endpoint, timeout=0.0):
    outcome = serving_probe.probe([endpoint], timeout)[0]
    assert KEY not in json.dumps(outcome)
    assert outcome["ready"] == (not outcome["error"])
    return outcome


@pytest.mark.parametrize("slash", ["", "/"])
def test_what_serves_is_proven_by_what_it_generates(serve, endpoint, slash):
    serve()
    outcome = outcome_of({**endpoint, "base_url": endpoint["base_url"] + slash})
    assert 0 <= outcome.pop("latency_s") < 5
    assert outcome == {"name": "web", "ready": True, "models": ["tiny"], "answers": {"tiny": " Paris"}, "error": ""}


def test_a_wrong_key_is_final(serve, endpoint):
    serve(key="another")
    began = time.monotonic()
    error = outcome_of(endpoint, timeout=30)["error"]
    assert time.monotonic() - began < 5
    assert error.startswith(f"HTTP 401 from {endpoint['base_url']}/models: ")
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
        pytest.param({"/health": None}, "HTTP 404 from {root}/health: ", id="no health"),
        pytest.param(
            {"/v1/models": {"data": [{"id": "other"}, {"id": "more"}]}},
            "it serves other, more, not tiny",
            id="other models",
        ),
        pytest.param({"/v1/models": {"data": []}}, "it serves nothing, not tiny", id="no models"),
        pytest.param({"/v1/models": "<html>Welcome"}, "{root}/v1/models answered no JSON but b'<html>", id="no JSON"),
        pytest.param({"/v1/models": ["tiny"]}, "/models answered something that is no model list: ['tiny']", id="list"),
        pytest.param({"/v1/models": "null"}, "/models answered something that is no model list: None", id="null"),
        pytest.param({"/v1/completions": "oops"}, "{root}/v1/completions answered no JSON but b'oops'", id="prose"),
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
    outcomes = serving_probe.probe([silent, endpoint, silent], 0.3)
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
        pytest.param({"api_key": KEY + "\n"}, "Invalid header value b'Bearer (its key)'", id="key with a line break"),
        pytest.param({"api_key": f"{KEY}\nx"}, "Invalid header value b'Bearer (its key)'", id="key of two lines"),
        pytest.param({"ca": "no certificate"}, "/health: ", id="CA that is none"),
        pytest.param({"base_url": "127.0.0.1/v1"}, "unknown url type", id="address without a scheme"),
    ],
)
def test_what_cannot_be_asked_is_explained(serve, endpoint, change, error):
    serve()
    assert error in outcome_of({**endpoint, **change})["error"]


def test_an_unserving_endpoint_is_an_error_that_names_it(endpoint):
    outcomes = serving.probe_endpoints([endpoint, {**endpoint, "name": "web-1"}], 0)
    with pytest.raises(FleetError) as raised:
        serving.require_ready(outcomes, 0)
    said = str(raised.value)
    assert said.startswith("Failed to get an answer from web, web-1 within 0 s: web: http://127.0.0.1")
    assert said.endswith("Look at `docker logs web` on its host.")
    assert KEY not in said


def test_ready_endpoints_are_no_error(serve, endpoint):
    serve()
    serving.require_ready(serving.probe_endpoints([endpoint], 0), 0)


@pytest.fixture
def fake_docker(tmp_path, monkeypatch):
    """Puts a docker command with the given shell script in front of any other."""

    def install(script):
        command = tmp_path / "docker"
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    return install


def test_inside_a_container_the_script_alone_suffices(serve, endpoint, fake_docker, tmp_path):
    serve()
    fake_docker(f'echo "$*" > {tmp_path}/asked; shift 4; exec {sys.executable} "$@"')
    outcomes = serving.probe_endpoints([endpoint], 0, via="anchor")
    assert outcomes[0]["answers"] == {"tiny": " Paris"}
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("exec --interactive anchor python3 -I -c ")
    assert KEY not in asked


def test_a_container_that_returns_is_waited_for(serve, endpoint, fake_docker, tmp_path, monkeypatch):
    serve()
    monkeypatch.setattr(serving, "PAUSE", 0.01)
    fake_docker(
        f"[ -e {tmp_path}/back ] || {{ touch {tmp_path}/back; echo 'container is not running' >&2; exit 1; }}\n"
        f'shift 4; exec {sys.executable} "$@"'
    )
    assert serving.probe_endpoints([endpoint], 10, via="anchor")[0]["ready"]


def test_a_container_that_does_not_return_is_named(endpoint, fake_docker):
    fake_docker("echo 'Error response from daemon: No such container: anchor' >&2; exit 1")
    with pytest.raises(FleetError, match="Failed to ask web from inside anchor: No such container: anchor"):
        serving.probe_endpoints([endpoint], 0, via="anchor")
