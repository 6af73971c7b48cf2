# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that answer badly: each has its message, and none is waited for beyond the deadline."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.inference.fleet.plugins.module_utils.serving import exchange
from ansible_collections.inference.fleet.plugins.module_utils.serving.client import AnswerError, Client, Endpoint
from ansible_collections.inference.fleet.plugins.module_utils.serving.contract.sse import parse_stream
from ansible_collections.inference.fleet.plugins.module_utils.serving.contract.structured import begins_object
from ansible_collections.inference.fleet.plugins.module_utils.serving.metrics import parse_cache_tokens, parse_load
from ansible_collections.inference.fleet.plugins.module_utils.serving.models import parse_models

KEY = "sk-never-to-be-seen"
DEADLINE = 0.5  # seconds
PAGE = "<!DOCTYPE html><html><head><title>Sign in \x1b[2J</title></head></html>"


def whole(status, body, *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", *headers, "", ""]
    return ["\r\n".join(lines).encode() + body.encode()]


def drip(text):
    for char in text:
        yield bytes([char])
        time.sleep(0.1)


def without_end(head):
    yield head
    while True:
        yield b"x" * 65536


@pytest.fixture
def say():
    """Starts a server that sends these pieces to whoever asks, and gives its port; ``close`` ends each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def start(pieces, close=True, context=None):
            def answer():
                with contextlib.suppress(OSError):
                    peer = listening.accept()[0]
                    peer = context.wrap_socket(peer, server_side=True) if context else peer
                    with peer:
                        peer.recv(65536)
                        for piece in pieces:
                            peer.sendall(piece)
                        if not close:
                            time.sleep(5)

            threading.Thread(target=answer, daemon=True).start()
            return listening.getsockname()[1]

        yield start


def ask(port, scheme="http", **options):
    endpoint = Endpoint.of({"name": "web", "base_url": f"{scheme}://127.0.0.1:{port}/v1", "api_key": KEY, **options})
    return Client(endpoint, exchange.exchange).json(f"{endpoint.base_url}/models", DEADLINE)


def refusal(port, **options):
    began = time.monotonic()
    with pytest.raises(AnswerError) as raised:
        ask(port, **options)
    assert time.monotonic() - began < DEADLINE + 1
    said = str(raised.value)
    assert KEY not in said
    assert said.isprintable()
    assert said.startswith(f"{options.get('scheme', 'http')}://127.0.0.1:{port}/v1/models: ")
    return said.partition("/v1/models: ")[2]


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        pytest.param([b"SSH-2.0-OpenSSH_9.2\r\n"], "that is no HTTP: BadStatusLine", id="not HTTP"),
        pytest.param([b""], "the connection was closed without an answer", id="nothing"),
        pytest.param(whole("200 OK", PAGE), "a page for browsers ('Sign in �[2J'): does a proxy", id="a proxy's page"),
        pytest.param(whole("502 Bad", PAGE), "HTTP 502, a page for browsers", id="a proxy's error page"),
        pytest.param(whole("200 OK", '{"data": [{"id":'), 'the answer is broken JSON: \'{"data"', id="half a JSON"),
        pytest.param(whole("200 OK", "[" * 100000), "the answer is broken JSON: '[[[", id="deep JSON"),
        pytest.param(whole("200 OK", ""), "the answer is empty", id="empty"),
        pytest.param(whole("200 OK", "[1]"), "the answer is no JSON object but '[1]'", id="a list"),
        pytest.param(
            whole("200 OK", '{"error": {"message": "no such model"}}'),
            "HTTP 200 with an error: no such model",
            id="an error with status 200",
        ),
        pytest.param(whole("401 No", f'{{"error": "Bearer {KEY}"}}'), "HTTP 401, Bearer (its key); is", id="401"),
        pytest.param(whole("403 No", '{"detail": "Forbidden"}'), "HTTP 403, Forbidden; may this key", id="403"),
        pytest.param(whole("404 No", '{"detail": "Not Found"}'), "HTTP 404, Not Found; does base_url end", id="404"),
        pytest.param(whole("429 No", '{"error": {"message": "slow"}}'), "HTTP 429, slow; the key's limit", id="429"),
        pytest.param(whole("500 No", "oops\n\tagain"), "HTTP 500, oops again", id="500"),
        pytest.param(
            whole("307 Moved", "", "Location: http://127.0.0.1/v1/models"),
            "HTTP 307, a redirect to http://127.0.0.1/v1/models; give that URL",
            id="a redirect, which may be a loop",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b'{"data"'],
            "the connection was closed in the middle of the answer",
            id="cut",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"ff\r\n{"],
            "the connection was closed in the middle of the answer",
            id="cut in a chunk",
        ),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100), "no whole answer within 0.5 s", id="dripping head"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 100), "no whole answer within 0.5 s", id="dripping head and body"
        ),
        pytest.param(
            without_end(b"HTTP/1.1 200 OK\r\n\r\n"), "the answer is larger than 4194304 bytes", id="without an end"
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n{"],
            "the connection was closed in the middle of the answer",
            id="announced to be endless",
        ),
        pytest.param(
            without_end(b"HTTP/1.1 200 OK\r\nX: "), "that is no HTTP: LineTooLong", id="a header without an end"
        ),
    ],
)
def test_each_bad_answer_has_its_message(say, pieces, said):
    assert refusal(say(pieces)).startswith(said)


def test_a_silent_server_is_left_at_the_deadline(say):
    assert refusal(say([], close=False)) == "no whole answer within 0.5 s"


def test_a_certificate_that_does_not_match_is_named(say, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=other", "-addext", "subjectAltName=DNS:other.example"]
    subprocess.run([*make, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    said = refusal(say([], context=context), scheme="https")
    assert said.startswith("TLS: self")
    said = refusal(say([], context=context), scheme="https", ca=certificate.read_text())
    assert "IP address mismatch" in said


def test_a_path_prefix_stays(say):
    port = say(whole("200 OK", '{"data": []}'))
    endpoint = Endpoint.of({"name": "web", "base_url": f"http://127.0.0.1:{port}/llm/v1/"})
    assert (endpoint.base_url, endpoint.root) == (
        f"http://127.0.0.1:{port}/llm/v1",
        f"http://127.0.0.1:{port}/llm",
    )
    assert Client(endpoint, exchange.exchange).json(f"{endpoint.base_url}/models", 5) == {"data": []}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.binary(max_size=200))
def test_whatever_a_server_sends_is_an_answer_or_explained(say, answer):
    with contextlib.suppress(AnswerError):
        ask(say([answer]))
    with contextlib.suppress(AnswerError):
        ask(say([b"HTTP/1.1 200 OK\r\n\r\n", answer]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["data", "id", "error"]), inner),
    max_leaves=10,
)


@given(JSON)
def test_whatever_a_list_holds_is_models_or_a_message(body):
    with contextlib.suppress(ValueError):
        assert all(model.id.isprintable() for model in parse_models(body))


@given(st.text() | st.lists(JSON.map(lambda value: f"data: {json.dumps(value)}\n\n")).map("".join))
def test_whatever_a_stream_holds_is_chunks_or_a_message(body):
    with contextlib.suppress(ValueError):
        assert all(isinstance(chunk, dict) for chunk in parse_stream(body))


@given(st.text())
def test_whatever_metrics_hold_is_a_load_or_nothing(text):
    parse_load(text)
    parse_load(f"vllm:num_requests_running {text}\nvllm:generation_tokens_total 1\n")


@given(st.dictionaries(st.text(), JSON, min_size=1), st.data())
def test_each_beginning_of_an_object_is_one(value, data):
    text = json.dumps(value)
    assert begins_object(text[: data.draw(st.integers(1, len(text) - 1))])


@pytest.mark.parametrize("text", ["", "The sea", '"{"', "[1", "{]", "{}", '{"a": 1} and'])
def test_what_is_no_beginning_of_an_object(text):
    assert not begins_object(text)


CHUNK = 'data: {"choices": [{"delta": {"content": "x"}}]}\n\n'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (CHUNK, r"the stream stops after 1 chunks without its end marker"),
        ("data: [DONE]\n\n", "the stream ends without a chunk"),
        (CHUNK + "data: [DONE]\n\n" + CHUNK, "the stream goes on after its end marker"),
        ("data: {\n\n", "an event of the stream is broken JSON"),
        ("data: 1\n\n", "an event of the stream is no object"),
        ('data: {"error": {"message": "oops"}}\n\n', "the stream brings an error: .*oops"),
        ("<html>\n\n", "a line of the stream is no event"),
    ],
)
def test_each_bad_stream_has_its_message(body, said):
    with pytest.raises(ValueError, match=said):
        parse_stream(body)


def test_comments_of_proxies_are_skipped():
    assert len(parse_stream(f": keep-alive\n\n{CHUNK}data: [DONE]\n\n".replace("\n", "\r\n"))) == 1


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ('vllm:cache_config_info{block_size="128",engine="0",kv_cache_size_tokens="46592",x="a"} 1.0\n', 46592),
        (
            'vllm:cache_config_info{engine="0",kv_cache_size_tokens="100"} 1.0\n'
            'vllm:cache_config_info{engine="1",kv_cache_size_tokens="200"} 1.0\n',
            300,
        ),
        ('vllm:cache_config_info{engine="0",kv_cache_size_tokens="None"} 1.0\n', None),
        ("", None),
    ],
)
def test_the_size_of_the_cache_is_read_from_the_metrics(text, tokens):
    assert parse_cache_tokens(text) == tokens
