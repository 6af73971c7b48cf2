# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether endpoints serve: followed from the container's creation to the first token, or as far as they get.

Only a generated token proves that an engine works; /health answers 200 for one that hangs. What cannot get better ends
the wait early.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ..errors import FleetError
from .client import AnswerError, Client, Endpoint, quoted
from .container import Follower, Sight
from .inside import exchanging
from .metrics import Load, parse_load, stands_still
from .models import difference, list_models

PAUSE = 1.0  # seconds between two looks at an endpoint
HANG = 3.0  # seconds without a token that tell a hung engine, once a request has got none in all of its time
PROMPT = "The capital of France is"
WRONG_KEY = "no-such-key"
STAGES = ("absent", "created", "loading", "ready", "generating")


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
    stage: str = "loading"  # the last of STAGES that it reached
    models: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)  # by model: what it generated
    latency_s: float | None = None  # of the slowest generation
    version: str = ""  # of vLLM, where it says so
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
            raise AnswerError(f"{url}: HTTP 503, the engine is dead", status=503) from error
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


def watch(client: Client, patience: Patience, deadline: float, show: Callable[[Outcome], None]) -> Outcome:
    """The outcome for an endpoint, looked at until it serves, cannot get better, or ``deadline`` (monotonic seconds)
    has passed. ``show`` is called with each look.
    """
    follower = Follower(client.endpoint.container) if client.endpoint.container else None
    moved, mark, dead = time.monotonic(), "", False
    while True:
        sight = follower.look() if follower else Sight("")
        outcome, final = _assess(client, patience, sight)
        died_again = dead and "the engine is dead" in outcome.error
        dead = "the engine is dead" in outcome.error
        show(outcome)
        now = time.monotonic()
        if (current := f"{outcome.stage} {outcome.error} {sight.mark}") != mark:
            moved, mark = now, current
        if outcome.ready or final or (died_again and not follower) or now + PAUSE > deadline:
            return outcome
        if now - moved > patience.stall:
            outcome.error += f"; nothing has moved for {patience.stall:g} s"
            return outcome
        time.sleep(PAUSE)


def _assess(client: Client, patience: Patience, sight: Sight) -> tuple[Outcome, bool]:
    """One look at container and endpoint; whether waiting is pointless."""
    name, base_url = client.endpoint.name, client.endpoint.base_url
    if sight.cause:
        told = Outcome(name, base_url, stage="created", progress=sight.progress, next_step=sight.cause.next_step)
        told.error = f"its container died: {sight.cause.cause}"
        return told, True
    if sight.state in ("absent", "created", "paused"):
        stage = "created" if sight.state == "paused" else sight.state
        return Outcome(name, base_url, stage=stage, error=f"its container is {sight.state}"), False
    try:
        outcome = look(client, patience)
    except AnswerError as error:
        stage = "loading" if error.problem in ("unreachable", "cut") else "ready"
        return Outcome(
            name, base_url, stage=stage, progress=sight.progress, error=client.hidden(str(error))
        ), error.final
    outcome.progress = sight.progress
    return outcome, False


def check_health(
    endpoints: Sequence[Endpoint],
    patience: Patience,
    via: str = "",
    show: Callable[[Outcome], None] = lambda _outcome: None,
) -> list[Outcome]:
    """What became of each of ``endpoints``, all watched at once; asked from inside the container ``via``, if given."""
    deadline = time.monotonic() + patience.total
    with exchanging(via, patience.total) as exchange, ThreadPoolExecutor(max(1, len(endpoints))) as pool:
        clients = [Client(endpoint, exchange) for endpoint in endpoints]
        return list(pool.map(lambda client: watch(client, patience, deadline, show), clients))


def require_ready(outcomes: Iterable[Outcome], timeout: float) -> None:
    """Raise FleetError, naming every endpoint of ``outcomes`` that does not serve, and why."""
    silent = [outcome for outcome in outcomes if not outcome.ready]
    if not silent:
        return
    steps = dict.fromkeys(outcome.next_step for outcome in silent if outcome.next_step)
    raise FleetError(
        f"Failed to get an answer from {', '.join(outcome.name for outcome in silent)} within {timeout:.0f} s",
        "; ".join(
            f"{outcome.name}: {outcome.error}" + (f" (it had got to: {outcome.progress})" if outcome.progress else "")
            for outcome in silent
        ),
        " ".join(steps) or f"Look at `docker logs {silent[0].name}` on its host.",
    )
