# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP exchanges made from here, or from inside a container's network."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from queue import Queue
from typing import IO, Any, cast

from ..docker.cli import ENVIRONMENT, cause_in, docker
from ..errors import FleetError
from . import exchange

RETURNS_WITHIN = 60.0  # seconds that a container to ask from has, for after a reboot it comes back like all others
PAUSE = 2.0  # seconds

Exchange = Callable[[dict[str, Any]], dict[str, Any]]


@contextlib.contextmanager
def exchanging(via: str, patience: float) -> Iterator[Exchange]:
    """A function that answers requests as ``exchange`` does, from any thread.

    ``via`` names a container of this host with a ``python3``, in whose network the requests are made; empty: this
    host's own. It is waited for ``patience`` seconds at most. Raises FleetError where it does not run.
    """
    if not via:
        yield exchange.exchange
        return
    _wait_for(via, min(patience, RETURNS_WITHIN))
    inside = _Inside(via)
    try:
        yield inside
    finally:
        inside.close()


def _wait_for(via: str, patience: float) -> None:
    began = time.monotonic()
    while True:
        try:
            docker("exec", via, "true", attempted=f"Failed to ask from inside {via}")
            return
        except FleetError:
            if time.monotonic() - began + PAUSE > patience:
                raise
        time.sleep(PAUSE)


class _Inside:
    """The program of ``exchange`` in a container. Keys go there by standard input: a process list shows arguments."""

    def __init__(self, via: str) -> None:
        self._via = via
        command = ["docker", "exec", "--interactive", via, "python3", "-I", "-c", inspect.getsource(exchange)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **ENVIRONMENT},
        )
        self._requests, self._answers, self._complaints = (
            cast(IO[str], pipe) for pipe in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        self._lock = threading.Lock()
        self._ids = itertools.count()
        self._waiting: dict[int, Queue[dict[str, Any] | None]] = {}
        self._ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        place: Queue[dict[str, Any] | None] = Queue(1)
        with self._lock:
            if self._ended:
                place.put(None)
            number = next(self._ids)
            self._waiting[number] = place
            with contextlib.suppress(BrokenPipeError):  # the reader notices the end, too
                self._requests.write(json.dumps({"id": number, **request}) + "\n")
                self._requests.flush()
        answer = place.get()
        if answer is None:
            raise FleetError(f"Failed to ask from inside {self._via}", self._last_words(), "Is that container running?")
        return answer

    def close(self) -> None:
        """End the program; what is under way is not waited for."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        for line in self._answers:
            answer = json.loads(line)
            self._waiting.pop(answer.pop("id")).put(answer)
        with self._lock:
            self._ended = True
            for place in self._waiting.values():
                place.put(None)

    def _last_words(self) -> str:
        return cause_in(self._complaints.read())
