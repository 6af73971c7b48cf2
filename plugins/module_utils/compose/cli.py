# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One compose project on this host's engine: what runs of it, and the commands that change that."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..accelerators.cuda import uses_compatibility
from ..causes.why import explained, why_refused
from ..docker.api import engine_get
from ..docker.cli import docker, docker_json
from ..errors import FleetError
from ..local_command import look
from .files import COMPOSE_FILE
from .state import Container, parse_container

START = 180.0  # seconds for compose to create and start containers; becoming healthy is waited for apart
PULL = 3600.0  # seconds for one image
LOG_LINES = "2000"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\S+ ")


@dataclass(frozen=True)
class Service:
    """What of a service's definition decides how it is treated."""

    name: str
    image: str
    needs_driver: bool = False  # of NVIDIA's, new enough for the CUDA in its image
    compatible: bool = False  # with that CUDA by its image's compatibility libraries


@dataclass(frozen=True)
class ComposeCli:
    """``docker compose`` for the project ``name`` in ``directory``."""

    name: str
    directory: Path

    def containers(self) -> list[Container] | None:
        """The project's containers; None where no engine answers."""
        labels = json.dumps({"label": [f"com.docker.compose.project={self.name}", "com.docker.compose.oneoff=False"]})
        listed = engine_get(f"/containers/json?all=1&filters={quote(labels)}")
        if listed is None:
            return None
        now = datetime.now(timezone.utc)
        inspected = (engine_get(f"/containers/{entry['Id']}/json") for entry in listed)
        return [parse_container(container, now) for container in inspected if container]

    def services(self) -> list[Service]:
        """The services that the project's files define, once Compose has accepted them."""
        config: Mapping[str, Any] = docker_json(
            *self._compose(), "config", "--format", "json", attempted=f"Failed to read the compose project {self.name}"
        )
        entries = config.get("services") or {}
        return [
            Service(
                name,
                entry.get("image", ""),
                _needs_driver(entry),
                uses_compatibility(entry.get("environment") or {}),
            )
            for name, entry in sorted(entries.items())
        ]

    def try_command(self, service: str, command: list[str]) -> None:
        """Run ``command`` in a throw-away container of ``service`` as these files define it."""
        docker(
            *self._compose(),
            *("run", "--rm", "--no-deps", "--no-TTY", "--quiet-pull", service, *command),
            attempted=f"Failed to accept the new configuration of {service}",
            read_cause=why_refused,
            timeout=START,
        )

    def up(self, *services: str, recreate: bool = False) -> None:
        """Create, replace and start what differs from the files; with ``recreate``, ``services`` in any case."""
        options = ["--force-recreate", "--no-deps"] if recreate else ["--remove-orphans"]
        try:
            docker(
                *self._compose(),
                *("up", "--detach", "--quiet-pull", *options, *services),
                attempted=f"Failed to start the compose project {self.name}",
                timeout=START,
            )
        except FleetError as error:
            raise explained(error) from error

    def stop(self, *services: str) -> None:
        """Stop ``services``, keeping their containers and so their logs."""
        docker(*self._compose(), "stop", *services, attempted=f"Failed to stop {', '.join(services)}", timeout=START)

    def down(self) -> None:
        """Remove the project's containers and networks, whatever the files say."""
        docker(
            *("compose", "--project-name", self.name, "down", "--remove-orphans"),
            attempted=f"Failed to remove the compose project {self.name}",
            timeout=START,
        )

    def _compose(self) -> list[str]:
        where = ["--project-directory", str(self.directory), "--file", str(self.directory / COMPOSE_FILE)]
        return ["compose", "--project-name", self.name, *where]


def _needs_driver(entry: Mapping[str, Any]) -> bool:
    """Whether a service has NVIDIA GPUs."""
    reserved = ((entry.get("deploy") or {}).get("resources") or {}).get("reservations") or {}
    drivers = {device.get("driver") for device in reserved.get("devices") or []}
    return bool(drivers & {"nvidia", "cdi"}) or entry.get("runtime") == "nvidia"


def has_image(image: str) -> bool:
    """Whether the engine holds ``image``."""
    return look("docker", "image", "inspect", "--format", "{{.Id}}", image).status == 0


def pull(image: str, services: str) -> None:
    """Fetch ``image``; FleetError says which and why when it cannot be had."""
    try:
        docker("pull", "--quiet", image, attempted=f"Failed to pull {image} for {services}", timeout=PULL)
    except FleetError as error:
        step = "Nothing was stopped. Check the name and digest, and that this host reaches and trusts the registry."
        raise FleetError(error.attempted, error.cause, step) from error


def send_signal(container: Container, signal: str) -> None:
    """Send ``signal`` to the container's first process."""
    docker("kill", "--signal", signal, container.name, attempted=f"Failed to send {signal} to {container.name}")


def unpause(container: Container) -> None:
    """Let a paused container run on."""
    docker("unpause", container.name, attempted=f"Failed to unpause {container.name}")


def log_of(container: Container) -> str:
    """The last lines that the container wrote, both streams in the order of their time."""
    outcome = look("docker", "logs", "--timestamps", "--tail", LOG_LINES, container.id)
    # A progress bar writes over its line: all of it but the first part comes without a time, and says nothing.
    lines = [line for line in (outcome.output + "\n" + outcome.complaint).splitlines() if STAMP.match(line)]
    lines.sort(key=lambda line: line.partition(" ")[0])
    return "\n".join(line.partition(" ")[2] for line in lines)
