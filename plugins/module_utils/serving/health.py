# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether endpoints serve: followed from the container's creation to the first token, or as far as they get.

What cannot get better ends the wait early.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..errors import FleetError
from .client import AnswerError, Client, Endpoint
from .container import Follower, Sight
from .inside import exchanging
from .look import Outcome, Patience, look

PAUSE = 1.0  # seconds between two looks at an endpoint


def watch(client: Client, patience: Patience, deadline: float, show: Callable[[Outcome], None]) -> Outcome:
    """The outcome for an endpoint, looked at until it serves, cannot get better, or ``deadline`` (monotonic seconds)
    has passed. ``show`` is called with each look.
    """
    follower = Follower(client.endpoint.container) if client.endpoint.container else None
    moved, mark = time.monotonic(), ""
    while True:
        sight = follower.look() if follower else Sight("")
        outcome, final = _assess(client, patience, sight)
        show(outcome)
        now = time.monotonic()
        if (current := f"{outcome.stage} {outcome.error} {sight.mark}") != mark:
            moved, mark = now, current
        if outcome.ready or final or now + PAUSE > deadline:
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
        return told, not sight.may_return
    if sight.state in ("absent", "created", "paused"):
        stage = "created" if sight.state == "paused" else sight.state
        return Outcome(name, base_url, stage=stage, error=f"its container is {sight.state}"), False
    try:
        outcome = look(client, patience)
    except AnswerError as error:
        stage = "loading" if error.problem in ("unreachable", "cut") else "ready"
        told = Outcome(name, base_url, stage=stage, progress=sight.progress, error=client.hidden(str(error)))
        # Where its container can be seen, that soon says why the engine died.
        return told, error.final or (error.problem == "dead" and not client.endpoint.container)
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
