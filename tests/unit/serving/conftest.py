# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

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
    delays = {}
    answers = {"/health": "", "/v1/models": MODELS, "/v1/completions": COMPLETION}

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked_with = self.headers.get("Authorization", "")
        if self.path.startswith("/v1") and self.key and asked_with != f"Bearer {self.key}":
            return self.say(401, {"error": f"Unauthorized: {asked_with}"})  # some repeat the key
        time.sleep(self.delays.get(self.path, 0))
        answer = self.answers.get(self.path)
        if callable(answer):
            answer = answer()
        status, answer = answer if isinstance(answer, tuple) else (200, answer)
        return self.say(404, {"error": "Not Found"}) if answer is None else self.say(status, answer)

    do_POST = do_GET  # noqa: N815 - http.server's names

    def say(self, status, answer):
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError):  # the client may have left
            self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


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
