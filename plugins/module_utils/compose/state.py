# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a compose project's containers are like, and what is wrong with them. Decides; talks to nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

SETTLED = 2.0  # seconds that a container without a health check must run before it counts as up


@dataclass(frozen=True)
class Container:
    """One container of the project, from the engine's inspection of it."""

    id: str
    name: str
    service: str
    image: str
    state: str  # created, running, paused, restarting, removing, exited, dead
    health: str | None  # starting, healthy, unhealthy; None without a health check
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    error: str = ""  # why the engine could not start it
    config_hash: str = ""
    running_for: float = 0.0  # seconds
    memory_limit: int = 0  # bytes; 0 where it may use all that the host has
    kept_up: bool = False  # whether the engine, too, starts it when it comes up itself

    @property
    def up(self) -> bool:
        """Whether it does what it is there for, as far as the engine can tell."""
        if self.state != "running":
            return False
        return self.health == "healthy" if self.health else self.running_for >= SETTLED

    @property
    def coming_up(self) -> bool:
        """Whether it may get there by itself."""
        return self.state == "running" and (self.health == "starting" or (self.health is None and not self.up))


@dataclass(frozen=True)
class Assessment:
    """What keeps the containers from being what the files say; all empty when nothing does."""

    absent: tuple[str, ...] = ()  # services without a container
    changed: tuple[str, ...] = ()  # containers that are not those which were proven to serve
    stopped: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    unhealthy: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()  # services that the project no longer has
    coming_up: tuple[str, ...] = ()

    @property
    def needs_up(self) -> bool:
        """Whether there is something to do, beyond waiting."""
        return bool(self.reasons)

    @property
    def reasons(self) -> list[str]:
        """What is to be repaired, in words."""
        kinds = ("absent", "changed", "stopped", "paused", "unhealthy", "surplus")
        return [f"{service} {kind}" for kind in kinds for service in getattr(self, kind)]


def assess(proven: Mapping[str, str], containers: Iterable[Container]) -> Assessment:
    """Compare ``containers`` with the services (and their hashes) that were last ``proven`` to serve."""
    by_service = {container.service: container for container in containers}
    present = [by_service[service] for service in sorted(proven) if service in by_service]
    return Assessment(
        absent=tuple(sorted(set(proven) - set(by_service))),
        changed=tuple(c.service for c in present if c.config_hash != proven[c.service]),
        stopped=tuple(c.service for c in present if c.state not in ("running", "paused", "restarting")),
        paused=tuple(c.service for c in present if c.state == "paused"),
        unhealthy=tuple(c.service for c in present if c.health == "unhealthy" and c.state == "running"),
        surplus=tuple(sorted(set(by_service) - set(proven))),
        coming_up=tuple(c.service for c in present if c.coming_up or c.state == "restarting"),
    )


def has_died(container: Container, restarts_before: int) -> bool:
    """Whether it ended since it had been restarted ``restarts_before`` times, started again by its policy or not."""
    return container.state in ("exited", "dead", "restarting") or container.restarts > restarts_before


def parse_container(inspected: Mapping[str, Any], now: datetime) -> Container:
    """A container from the engine's ``/containers/ID/json``."""
    state = inspected["State"]
    labels = inspected["Config"].get("Labels") or {}
    host_config = inspected.get("HostConfig") or {}
    return Container(
        id=inspected["Id"],
        name=inspected["Name"].lstrip("/"),
        service=labels.get("com.docker.compose.service", ""),
        image=inspected["Config"]["Image"],
        state=state["Status"],
        health=_health(state),
        exit_code=state.get("ExitCode", 0),
        oom_killed=bool(state.get("OOMKilled")),
        restarts=inspected.get("RestartCount", 0),
        error=state.get("Error", ""),
        config_hash=labels.get("com.docker.compose.config-hash", ""),
        running_for=_seconds_since(state.get("StartedAt", ""), now),
        memory_limit=host_config.get("Memory", 0),
        kept_up=(host_config.get("RestartPolicy") or {}).get("Name") in ("always", "unless-stopped"),
    )


def _health(state: Mapping[str, Any]) -> str | None:
    health = (state.get("Health") or {}).get("Status")
    return health if health in ("starting", "healthy", "unhealthy") else None


def _seconds_since(stamp: str, now: datetime) -> float:
    try:
        started = datetime.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return 0.0
    return max(0.0, (now - started).total_seconds())
