# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A compose project brought to what its files say, or back to what served before.

Beside the project's directory lies a record of what was last proven to serve: its files and its containers' hashes.
Where the files wanted, those on disk and those of the record agree and the containers are up, there is nothing to do.
A run that died on its way is noticed (the record is behind the files), and a start that fails has something to go back
to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..accelerators.cuda import too_old
from ..accelerators.driver import loaded_nvidia
from ..accelerators.images import cuda_of
from ..accelerators.machine import Machine
from ..causes.flags import with_nearest_flags
from ..causes.why import why_it_died
from ..errors import FleetError
from ..host.units import observe_units
from ..local_command import look
from ..progress_file import ProgressFile, Stages
from .cli import ComposeCli, Service, has_image, log_of, pull, send_signal, unpause
from .files import (
    COMPOSE_FILE,
    Changes,
    ProjectFile,
    apply,
    compare,
    differences,
    read_tree,
    remove_tree,
    replace_tree,
    without_secrets,
)
from .milestones import milestone
from .state import Container, assess, has_died

POLL = 0.5  # seconds
LOGS = Path("/var/log/inference.fleet")


@dataclass(frozen=True)
class Wanted:
    """What the caller asks for."""

    name: str
    directory: Path
    files: Mapping[str, ProjectFile]
    trials: Mapping[str, list[str]] = field(default_factory=dict)  # service: command that must accept its new files
    signals: Mapping[str, str] = field(default_factory=dict)  # service: signal that makes it read its files again
    wait_timeout: float = 600.0
    progress_file: str | None = None


@dataclass
class Outcome:
    """What was done, or in check mode would be."""

    changed: bool = False
    actions: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    containers: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def did(self, *actions: str) -> None:
        self.actions += actions
        self.changed = self.changed or bool(actions)


@dataclass(frozen=True)
class Record:
    """What was last proven to serve; kept where only root reads it, for it holds the secret files too."""

    directory: Path

    @property
    def files(self) -> Path:
        return self.directory / "files"

    def hashes(self) -> dict[str, str] | None:
        """The hash of each service's container; None when nothing was ever proven."""
        try:
            content: dict[str, str] = json.loads((self.directory / "containers.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content

    def keep(self, files: Mapping[str, ProjectFile], containers: list[Container]) -> None:
        hashes = json.dumps({container.service: container.config_hash for container in containers})
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_tree(files, self.files)
        note = ProjectFile("containers.json", hashes.encode(), 0o600)
        apply(Changes(write=(note,)), self.directory)


def ensure_present(wanted: Wanted, check_mode: bool) -> Outcome:
    """Bring the project to what is wanted, or in check mode say what that would take."""
    try:
        return _Project(wanted).present(check_mode)
    except FleetError as error:
        # A command or a log may quote a line of a secret file: Compose does so where it cannot parse one.
        told = (error.attempted, error.cause, error.next_step)
        attempted, cause, step = (without_secrets(part, wanted.files.values()) for part in told)
        raise FleetError(attempted, cause, step, error.cause_id) from error


def ensure_absent(name: str, directory: Path, check_mode: bool) -> Outcome:
    """Remove the project: its containers, its place at boot, its files."""
    outcome = Outcome()
    cli = ComposeCli(name, directory)
    found = read_tree(directory)
    containers = cli.containers() or []
    if not (found or containers):
        return outcome
    outcome.did(*(f"removed container {container.name}" for container in containers))
    outcome.did(*(f"removed {path}" for path in found))
    outcome.diff = [{"before": f"{action.partition(' ')[2]}\n", "after": ""} for action in outcome.actions]
    if not check_mode:
        if containers:
            cli.down()
        if observe_units([_unit(name)]):
            look("systemctl", "disable", "--now", _unit(name), timeout=120)
        remove_tree(directory)
        remove_tree(_record_of(directory).directory)
    return outcome


class _Project:
    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.cli = ComposeCli(wanted.name, wanted.directory)
        self.record = _record_of(wanted.directory)
        self.outcome = Outcome()
        self.progress_file = ProgressFile(wanted.progress_file)
        self.stages = Stages(self.progress_file)

    def present(self, check_mode: bool) -> Outcome:
        found = read_tree(self.wanted.directory)
        containers = self.cli.containers()
        if containers is None and not check_mode:
            raise FleetError(
                f"Failed to start the compose project {self.wanted.name}",
                "no Docker engine answers on this host",
                "Run the role inference.fleet.docker, or look at `journalctl -u docker`.",
            )
        changes = compare(self.wanted.files, found)
        proven = self.record.hashes()
        served = read_tree(self.record.files)
        unproven = proven is None or bool(compare(self.wanted.files, served))
        assessment = assess(proven or {}, containers or [])

        secrets = {file.path for file in self.wanted.files.values() if file.secret} | _secret_on_disk(found)
        self.outcome.diff = differences(changes, found, secrets, self.wanted.directory)
        self.outcome.did(*(f"wrote {file.path}" for file in changes.write), *(f"removed {p}" for p in changes.remove))
        if unproven and not changes:
            self.outcome.did("finished what an earlier run began")
        if not unproven:
            self.outcome.did(*assessment.reasons)
        if check_mode:
            self._enable_at_boot(check_mode)
            self.outcome.containers = [_told(container) for container in containers or []]
            return self.outcome

        if changes or unproven:
            self._deploy(changes, containers or [])
        elif assessment.needs_up:
            self._up()
            self.record.keep(self.wanted.files, self._wait())
        elif assessment.coming_up:
            self._wait()
        self._enable_at_boot(check_mode)
        self.outcome.containers = [_told(container) for container in self.cli.containers() or []]
        return self.outcome

    def _deploy(self, changes: Changes, before: list[Container]) -> None:
        self._prepare(changes)
        apply(changes, self.wanted.directory)
        try:
            self._up()
            self._wait()
            self._reload(changes, before)
            after = self._wait()
        except FleetError as error:
            raise self._brought_back(error) from error
        self.outcome.did(*_replacements(before, after))
        self.record.keep(self.wanted.files, after)

    def _prepare(self, changes: Changes) -> None:
        """Everything that can fail without a running container noticing: the files' sense, the images, the trials."""
        staged = ComposeCli(self.wanted.name, self.wanted.directory.parent / ".staged" / self.wanted.name)
        try:
            remove_tree(staged.directory)
            apply(Changes(write=tuple(self.wanted.files.values())), staged.directory)
            users: dict[str, list[str]] = {}
            services = staged.services()
            for service in services:
                users.setdefault(service.image, []).append(service.name)
            for image, names in users.items():
                if image and not has_image(image):
                    pull(image, ", ".join(names))
                    self.outcome.did(f"pulled {image}")
            _refuse_older_driver(service for service in services if service.needs_driver)
            if changes:
                for service_name, command in self.wanted.trials.items():
                    staged.try_command(service_name, list(command))
        finally:
            remove_tree(staged.directory)

    def _reload(self, changes: Changes, before: list[Container]) -> None:
        if not any(path != COMPOSE_FILE for path in changes.paths):
            return
        kept = {container.id for container in before}
        for container in self.cli.containers() or []:
            signal = self.wanted.signals.get(container.service)
            if signal and container.id in kept and container.state == "running":
                send_signal(container, signal)
                self.outcome.did(f"sent {signal} to {container.name}")

    def _up(self) -> None:
        """Bring the containers to what the files say, those too that Compose takes for running."""
        before = self.cli.containers() or []
        for container in before:
            if container.state == "paused":
                unpause(container)
        self.cli.up()
        old = {container.id for container in before}
        unhealthy = [c.service for c in self.cli.containers() or [] if c.id in old and c.health == "unhealthy"]
        if unhealthy:
            self.cli.up(*unhealthy, recreate=True)

    def _wait(self) -> list[Container]:
        """The containers, once all of them are up."""
        deadline = time.monotonic() + self.wanted.wait_timeout
        restarts: dict[str, int] = {}
        while True:
            containers = self.cli.containers() or []
            for container in containers:
                if has_died(container, restarts.setdefault(container.id, container.restarts)):
                    raise self._failure(container)
                if self.progress_file.is_read:
                    self.stages.reached(container.name, "up" if container.up else milestone(log_of(container)))
                if container.health == "unhealthy":
                    raise self._failure(container, "its health check fails")
            if containers and all(container.up for container in containers):
                return containers
            if time.monotonic() > deadline:
                late = next((container for container in containers if not container.up), None)
                if late is None:
                    cause = f"it had no container after {self.wanted.wait_timeout:.0f} s"
                    raise FleetError(f"Failed to start the compose project {self.wanted.name}", cause)
                raise self._failure(late, f"it was not healthy after {self.wanted.wait_timeout:.0f} s")
            time.sleep(POLL)

    def _failure(self, container: Container, symptom: str = "") -> FleetError:
        """What to say of a container that died, or that lives on with ``symptom``."""
        log = log_of(container)
        kept_at = _keep_log(container.name, log)
        why = with_nearest_flags(why_it_died(container, log), container.image)
        cause = why.cause
        if symptom:
            cause = f"{symptom}; its log says: {why.cause}" if why.found else symptom
        step = f"{why.next_step} Its log: {kept_at}.".strip()
        return FleetError(f"Failed to start {container.name}", cause, step, why.id)

    def _brought_back(self, error: FleetError) -> FleetError:
        """``error``, with what became of the service that it interrupted."""
        served = read_tree(self.record.files)
        if self.record.hashes() is None or not compare(self.wanted.files, served):
            dead = [c.service for c in self.cli.containers() or [] if not c.up and (c.restarts or not c.coming_up)]
            if dead:
                self.cli.stop(*dead)
            note = "Nothing served before."
            return FleetError(error.attempted, error.cause, f"{error.next_step} {note}".strip(), error.cause_id)
        try:
            apply(compare(served, read_tree(self.wanted.directory)), self.wanted.directory)
            self._up()
            self.record.keep(served, self._wait())
        except FleetError as second:
            note = f"What served before could not be brought back either: {second.cause}."
        else:
            note = "What served before serves again."
        return FleetError(error.attempted, error.cause, f"{error.next_step} {note}".strip(), error.cause_id)

    def _enable_at_boot(self, check_mode: bool) -> None:
        unit = _unit(self.wanted.name)
        state = observe_units([unit]).get(unit)
        if state is None:
            if not check_mode:  # where the unit may be another role's to install first
                self.outcome.warnings.append(
                    f"There is no unit {unit}: on a swarm worker this project does not come back after a reboot. "
                    "The role inference.fleet.docker installs it."
                )
        elif not state["enabled"]:
            enabled = None if check_mode else look("systemctl", "enable", "--now", unit, timeout=120)
            if enabled and enabled.status != 0:
                step = f"Look at `journalctl -u {unit}`."
                raise FleetError(f"Failed to have {self.wanted.name} started at boot", enabled.complaint, step)
            self.outcome.did(f"enabled {unit}")


def _refuse_older_driver(services: Iterable[Service]) -> None:
    """FleetError where the loaded driver cannot run one of ``services``, whose images are on the host by now."""
    driver, _kind = loaded_nvidia(Machine())
    if driver is None:
        return
    problems = [
        problem for service in services for problem in too_old(driver, cuda_of([service.image]), service.compatible)
    ]
    if problems:
        first = problems[0]
        step = f"{first.next_step} Nothing was stopped."
        raise FleetError(first.attempted, first.cause, step, first.cause_id)


def _record_of(directory: Path) -> Record:
    return Record(directory.parent / ".served" / directory.name)


def _unit(name: str) -> str:
    return f"compose@{name}.service"


def _secret_on_disk(found: Mapping[str, ProjectFile]) -> set[str]:
    return {file.path for file in found.values() if not file.mode & 0o004}


def _keep_log(name: str, log: str) -> Path:
    place = LOGS / f"{name}.log"
    apply(Changes(write=(ProjectFile(place.name, log.encode(), 0o600),)), LOGS)
    return place


def _replacements(before: list[Container], after: list[Container]) -> list[str]:
    old = {container.service: container.id for container in before}
    new = {container.service for container in after}
    done = [
        f"{'replaced' if container.service in old else 'started'} {container.name}"
        for container in after
        if old.get(container.service) != container.id
    ]
    return done + [f"removed {container.name}" for container in before if container.service not in new]


def _told(container: Container) -> dict[str, Any]:
    told = asdict(container)
    return {key: told[key] for key in ("name", "service", "image", "state", "health")}
