# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes pass on what keeps the contract and fail on what does not. Real models keep and break it in the scenarios."""

from __future__ import annotations

import json

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.serving.client import Client, Endpoint
from ansible_collections.inference.fleet.plugins.module_utils.serving.contract import record
from ansible_collections.inference.fleet.plugins.module_utils.serving.contract.asking import Subject
from ansible_collections.inference.fleet.plugins.module_utils.serving.contract.capabilities import CAPABILITIES
from ansible_collections.inference.fleet.plugins.module_utils.serving.contract.run import PROBES, probe, require_kept

KEY = "sk-never-to-be-seen"
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
LIGHT = '{"colour": "amber", "count": 2, "bright": true}'
TOKEN = {"token": "x", "logprob": -0.5, "top_logprobs": [{"logprob": -0.5}, {"logprob": -2.0}, {"logprob": -3.0}]}


def said(text, **choice):
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}], "usage": USAGE}


def called(*calls):
    functions = [{"type": "function", "function": {"name": name, "arguments": text}} for name, text in calls]
    return said(None, message={"role": "assistant", "content": None, "tool_calls": functions})


def streamed(*deltas, counted=True, end="data: [DONE]\n\n"):
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({"choices": [], "usage": USAGE if counted else None})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


def call_delta(text, name=None):
    return {"tool_calls": [{"index": 0, "function": {"name": name, "arguments": text}}]}


def finding(capability, *answers, max_model_len=100):
    """Of ``capability``, asked of a server that gives these answers in turn, the last one again and again."""
    left = list(answers)

    def exchange(request):
        assert request["headers"]["Authorization"] == f"Bearer {KEY}"
        answer = left.pop(0) if len(left) > 1 else left[0]
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        kind = "text/event-stream" if isinstance(body, str) and body.startswith("data:") else "application/json"
        text = body if isinstance(body, str) else json.dumps(body)
        return {"status": status, "headers": {"content-type": kind}, "body": text, "problem": "", "detail": ""}

    endpoint = Endpoint.of({"name": "web", "base_url": "http://web/v1", "api_key": KEY})
    return probe(Subject(Client(endpoint, exchange), "tiny", max_model_len, 5), capability)


COMPLETION = {"choices": [{"text": " Paris"}], "usage": USAGE}


def took(tokens):
    return {**COMPLETION, "usage": {**USAGE, "prompt_tokens": tokens}}


KEPT = {
    "completion": [COMPLETION],
    "chat": [said("Paris.")],
    "stream": [streamed({"role": "assistant"}, {"content": "Pa"}, {"content": "ris"})],
    "logprobs": [said("x", logprobs={"content": [TOKEN]})],
    "context": [took(8), took(24), (400, {"error": "too long"}), took(99)],
    "json_object": [said('{"a": 1}')],
    "json_schema": [said(LIGHT)],
    "regex": [said("123-4567")],
    "choice": [said("amber")],
    "grammar": [said("north")],
    "tools_named": [called(("set_lamp", LIGHT))],
    "tools_required": [called(("get_lamp", '{"colour": "amber"}'))],
    "tools_auto": [called(("set_lamp", LIGHT))],
    "tools_stream": [streamed(call_delta("", "set_lamp"), call_delta(LIGHT[:9]), call_delta(LIGHT[9:]))],
    "tools_parallel": [called(("set_lamp", LIGHT), ("set_lamp", LIGHT))],
    "multi_turn_tools": [said("ok"), {**said("ok"), "usage": {**USAGE, "prompt_tokens": 40}}],
    "embeddings": [{"data": [{"embedding": vector} for vector in ([1.0, 0.1], [1.0, 0.2], [0.1, 1.0])]}],
}


def test_every_capability_has_its_probe():
    assert tuple(PROBES) == CAPABILITIES
    assert set(KEPT) == set(CAPABILITIES)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_what_keeps_the_contract_passes(capability):
    found = finding(capability, *KEPT[capability])
    assert (found.outcome, bool(found.evidence)) == ("pass", True), found.evidence


PROSE = said("The sea is wide, and the waves roll in.")


@pytest.mark.parametrize(
    "capability", [name for name in CAPABILITIES if name not in ("completion", "chat", "stream", "logprobs", "context")]
)
def test_a_server_that_ignores_what_it_is_given_is_found_out(capability):
    answers = [streamed({"content": "The sea"})] if capability == "tools_stream" else [PROSE]
    assert finding(capability, *answers).outcome == "fail"


@pytest.mark.parametrize(
    ("capability", "answers", "evidence"),
    [
        pytest.param("completion", [{"choices": [], "usage": USAGE}], "the answer has no choice", id="no choice"),
        pytest.param("completion", [{**COMPLETION, "usage": None}], "usage has no completion_tokens", id="no usage"),
        pytest.param("chat", [said("")], "the message has no text", id="no text"),
        pytest.param("chat", [(500, f"broken: {KEY}")], "HTTP 500, broken: (its key)", id="refused"),
        pytest.param("stream", [said("Paris.")], "the answer is no stream but application/json", id="no stream"),
        pytest.param("stream", [streamed({"content": "x"}, end="")], "without its end marker", id="cut stream"),
        pytest.param("stream", [streamed({})], "chunks, and no text in them", id="stream without text"),
        pytest.param("stream", [streamed({"content": "x"}, counted=False)], "has no usage", id="stream without usage"),
        pytest.param("logprobs", [said("x")], "no logprobs, though they were asked for", id="no logprobs"),
        pytest.param(
            "logprobs",
            [said("x", logprobs={"content": [{**TOKEN, "top_logprobs": [{"logprob": 0.0}] * 3}]})],
            "are no probabilities",
            id="probabilities above 1",
        ),
        pytest.param("context", [took(8), took(24), took(99)], "is taken, though that is max_model_len", id="more"),
        pytest.param("context", [took(8), took(24), (500, "")], "is not refused with 400", id="refused otherwise"),
        pytest.param("context", [took(8), took(24), (400, ""), took(50)], "tokens 50 were taken", id="cut"),
        pytest.param("context", [took(8), took(8)], "8 words are 8 tokens, 24 words are 8", id="uncounted"),
        pytest.param("json_schema", [said('{"colour": "red", "count": 2, "bright": true}')], "not of", id="not of it"),
        pytest.param("json_object", [said('{"a"]', finish_reason="length")], "no JSON object", id="no beginning"),
        pytest.param("tools_named", [called(("get_lamp", "{}"))], "set_lamp was named, and called were", id="other"),
        pytest.param("tools_named", [called(("set_lamp", '"se"'))], "arguments are no object", id="no object"),
        pytest.param("tools_required", [called(("rm", "{}"))], "a tool that there is not", id="invented"),
        pytest.param("tools_required", [called(("set_lamp", "{"))], "arguments are no JSON", id="no JSON"),
        pytest.param("tools_parallel", [called(("set_lamp", LIGHT))], "two calls were asked for", id="one of two"),
        pytest.param("multi_turn_tools", [said("ok")], "drops tool results", id="dropped result"),
        pytest.param("embeddings", [{"data": [{"embedding": [0.0]}] * 3}], "became vectors of", id="no direction"),
        pytest.param("embeddings", [{"data": [{"embedding": [1.0]}] * 3}], "no nearer", id="no meaning"),
    ],
)
def test_what_breaks_the_contract_is_shown(capability, answers, evidence):
    found = finding(capability, *answers)
    assert (found.outcome, evidence in found.evidence) == ("fail", True), found.evidence
    assert KEY not in found.evidence


def test_what_is_cut_by_its_length_counts_as_far_as_it_goes():
    assert finding("json_object", said('{"title": "The Sea of', finish_reason="length")).outcome == "pass"


def test_what_cannot_be_asked_is_skipped():
    assert finding("context", COMPLETION, max_model_len=None).outcome == "skip"


def test_a_broken_contract_is_an_error_with_the_evidence():
    broken = {"capability": "regex", "outcome": "fail", "evidence": "prose"}
    skipped = {"capability": "context", "outcome": "skip", "evidence": "unknown"}
    with pytest.raises(FleetError) as raised:
        require_kept([{"name": "web", "kept": False, "probes": [broken, skipped]}, {"name": "good", "kept": True}])
    assert str(raised.value).startswith("Failed to hold web to the contract: web: regex: prose. Correct")


def test_what_a_container_has_proven_is_not_asked_again(tmp_path, monkeypatch):
    container = {"Id": "abc", "State": {"StartedAt": "yesterday"}}
    monkeypatch.setattr(record, "docker_json", lambda *_arguments, **_options: [container])
    service = {"model": "tiny", "contract": ["chat"], "max_model_len": None, "container": "web"}
    assert record.proven(tmp_path, service) is None
    record.keep(tmp_path, service, {"kept": True, "probes": []})
    assert record.proven(tmp_path, service) == {"kept": True, "probes": []}
    assert record.proven(tmp_path, {**service, "contract": ["chat", "stream"]}) is None
    container["State"]["StartedAt"] = "today"
    assert record.proven(tmp_path, service) is None
    record.keep(tmp_path, service, {"kept": False, "probes": []})
    assert not list(tmp_path.iterdir())
