# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at an endpoint: is it healthy, does it list its models, does it generate?

Only a generated token proves that an engine works; /health answers 200 for one that hangs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .client import AnswerError, Client, quoted
from .metrics import Load, parse_cache_tokens, parse_load, stands_still
from .models import difference, list_models

HANG = 3.0  # seconds without a token that tell a hung engine, once a request has got none in all of its time
PROMPT = "The capital of France is"
WRONG_KEY = "no-such-key"


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds."""

    total: float = 0.0  # for all endpoints; 0 looks once
    stall: float = 300.0  # without anything that moves
    answer: float = 10.0  # for health and lists, which need no engine
    generate: float = 60.0  # for a few tokens; a CPU may take long for its first ones


@dataclass
class Outcome:
    """What became of one endpoint."""

    name: str
    base_url: str
    ready: bool = False
    stage: str = "loading"  # the last that it reached of absent, created, loading, ready and generating
    models: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)  # by model: what it generated
    latency_s: float | None = None  # of the slowest generation
    version: str = ""  # of vLLM, where it says so
    kv_cache_tokens: int | None = None  # that its KV cache holds, where it says so
    progress: str = ""  # the last thing that its container's log says it got done
    error: str = ""
    next_step: str = ""


def look(client: Client, patience: Patience) -> Outcome:
    """The outcome for an endpoint that serves; AnswerError says what one that does not is like."""
    endpoint = client.endpoint
    outcome = Outcome(endpoint.name, endpoint.base_url, stage="ready")
    _require_health(client, patience.answer)
    outcome.models = [model.id for model in list_models(client, patience.answer)]
    if endpoint.keyed:
        _require_keyed(client, patience.answer)
    if wrong := difference(outcome.models, endpoint.models):
        raise AnswerError(wrong, final=True)
    outcome.version = _version(client, patience.answer)
    if endpoint.container:
        outcome.kv_cache_tokens = _cache_tokens(client, patience.answer)
    slowest = 0.0
    for model in endpoint.models:
        began = time.monotonic()
        outcome.answers[model] = _generate(client, model, patience.generate)
        slowest = max(slowest, time.monotonic() - began)
    outcome.stage, outcome.ready, outcome.latency_s = "generating", True, round(slowest, 3)
    return outcome


def _require_health(client: Client, timeout: float) -> None:
    url = f"{client.endpoint.root}/health"
    try:
        client.text(url, timeout)
    except AnswerError as error:
        if error.status == 503 and not error.body:  # as vLLM says it; a proxy has more to say
            raise AnswerError(f"{url}: HTTP 503, the engine is dead", status=503, problem="dead") from error
        if error.status != 404:  # other servers than vLLM have none
            raise


def _require_keyed(client: Client, timeout: float) -> None:
    try:
        client.json(f"{client.endpoint.base_url}/models", timeout, api_key=WRONG_KEY)
    except AnswerError as error:
        if error.final:
            return
        raise
    raise AnswerError("it lets in whoever has a wrong key", final=True)


def _version(client: Client, timeout: float) -> str:
    try:
        return str(client.json(f"{client.endpoint.root}/version", timeout).get("version", ""))
    except AnswerError:
        return ""


def _cache_tokens(client: Client, timeout: float) -> int | None:
    try:
        return parse_cache_tokens(client.text(f"{client.endpoint.root}/metrics", timeout)["body"])
    except AnswerError:
        return None


def _generate(client: Client, model: str, timeout: float) -> str:
    body = {"model": model, "prompt": PROMPT, "max_tokens": 4, "temperature": 0}
    try:
        answer = client.post("completions", body, timeout)
    except AnswerError as error:
        if error.problem == "timeout" and (stuck := _stuck(client)):
            raise AnswerError(f"{model}: {stuck}", final=True) from error
        raise
    try:
        tokens, text = answer["usage"]["completion_tokens"], answer["choices"][0]["text"]
    except (KeyError, IndexError, TypeError) as error:
        raise AnswerError(f"{model} answered something that is no completion: {quoted(str(answer), 80)}") from error
    if not tokens:
        raise AnswerError(f"{model} generated no token")
    return str(text)


def _stuck(client: Client) -> str:
    """What tells that the engine hangs; empty for one that is busy, or where it cannot be seen."""
    before = _load(client)
    if before is None:
        return ""
    time.sleep(HANG)
    after = _load(client)
    if after is None or not stands_still(before, after):
        return ""
    return f"the engine hangs: {after.running} requests run, and not one token has been computed in {HANG:g} s"


def _load(client: Client) -> Load | None:
    try:
        return parse_load(client.text(f"{client.endpoint.root}/metrics", HANG)["body"])
    except AnswerError:
        return None
