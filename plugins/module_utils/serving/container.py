# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container behind an endpoint while it starts: what it has got to, or why it died."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import quote

from ..causes.failure import Cause
from ..causes.why import why_it_died
from ..compose.cli import log_of
from ..compose.milestones import milestone
from ..compose.state import Container, has_died, parse_container
from ..docker.api import engine_get
from ..errors import FleetError

# Seconds that an engine which comes up may take to start what it ran; containers on a swarm's network wait for that.
RETURN = 30.0


@dataclass(frozen=True)
class Sight:
    """One look at a container."""

    state: str  # absent, or the engine's word for it
    progress: str = ""  # the last thing that it got done
    cause: Cause | None = None  # why it died, if it did
    may_return: bool = False  # although it died
    mark: str = ""  # changes with everything that it logs


class Follower:
    """Looks at the container ``name`` of this host again and again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._restarts: dict[str, int] = {}  # by container id, for it may be replaced meanwhile
        self._ended: float | None = None  # since when (monotonic seconds) it is seen as ended

    def look(self) -> Sight:
        """What it is like now."""
        container = self._inspect()
        if container is None:
            return Sight("absent")
        before = self._restarts.setdefault(container.id, container.restarts)
        log = log_of(container)
        if container.state != "exited":
            self._ended = None
        if has_died(container, before):
            return Sight(container.state, milestone(log), why_it_died(container, log), self._may_return(container))
        return Sight(container.state, milestone(log), mark=log[-400:])

    def _may_return(self, container: Container) -> bool:
        """Whether it may have ended with its engine, which has come back and not started it yet."""
        if container.state != "exited" or not container.kept_up or container.error:
            return False
        self._ended = self._ended or time.monotonic()
        return time.monotonic() - self._ended < RETURN

    def _inspect(self) -> Container | None:
        try:
            found = engine_get(f"/containers/{quote(self._name)}/json")
        except FleetError as error:
            if "no such container" in error.cause.lower():
                return None
            raise
        return parse_container(found, datetime.now(timezone.utc)) if found else None
