# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One contributor's part in the engine's configuration, put into effect or taken back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..compose.files import Changes, ProjectFile, apply
from ..errors import FleetError
from . import daemon_restart as engine
from .daemon_files import CONFIG, DIRECTORY, LAST_GOOD, RECORDS, read_files
from .daemon_merge import combined, conflicts, same, secrets, text_without_secrets, without_secrets

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Outcome:
    """What became of a contribution, or in check mode would."""

    changed: bool
    restarted: bool
    config: dict[str, Any]
    contributions: dict[str, dict[str, Any]]
    diff: list[dict[str, str]] = field(default_factory=list)


def contribute(name: str, wanted: Mapping[str, Any], check_mode: bool = False, directory: Path = DIRECTORY) -> Outcome:
    """Make ``wanted`` all that ``name`` contributes; nothing when it is empty.

    The engine is restarted when that changes its configuration, and gets the last good one back if it does not return.
    Raises FleetError, with everything as it was, for what contradicts another contributor and what the engine refuses.
    """
    attempted = f"Failed to configure the engine with what {name} contributes"
    if not NAME.fullmatch(name):
        raise FleetError(attempted, "its name is not made of a-z, 0-9, _ and -")
    before = read_files(directory)
    after = combined(before.good, before.records, name, wanted)
    records = {key: value for key, value in {**before.records, name: dict(wanted)}.items() if value}
    reconfigures = before.unfinished or not same(after, before.good)
    if contradictions := conflicts(before.records, name, wanted):
        raise FleetError(attempted, "; ".join(contradictions), "Let both want the same, or only one of them want it.")
    restarts = reconfigures and (before.unfinished or engine.is_running())
    if reconfigures:
        _check(after, attempted, check_mode)
    if not check_mode and reconfigures:
        _put_into_effect(after, restarts, attempted, directory)
    if not check_mode and not same(records, before.records):
        _record(name, wanted, directory)
    return Outcome(
        changed=reconfigures or not same(records, before.records),
        restarted=restarts,
        config=without_secrets(after),
        contributions={key: without_secrets(value) for key, value in records.items()},
        diff=_difference(directory / CONFIG, before.config or {}, after)
        + _difference(directory / _record_path(name), before.records.get(name, {}), wanted),
    )


def _check(config: Mapping[str, Any], attempted: str, check_mode: bool) -> None:
    if not engine.is_installed():
        if check_mode:
            return
        raise FleetError(attempted, "there is no engine", "Run the role inference.fleet.docker first.")
    if config.get("live-restore") and engine.in_swarm():
        raise FleetError(
            attempted,
            "live-restore is set, and dockerd refuses to start with it in a swarm",
            f"Remove it from the contribution, or from {DIRECTORY / CONFIG} if it stands there.",
        )
    if reason := engine.refusal(_text(config)):
        raise FleetError(
            attempted, text_without_secrets(reason), f"Correct the contribution; {DIRECTORY / CONFIG} is as it was."
        )


def _put_into_effect(config: Mapping[str, Any], restarts: bool, attempted: str, directory: Path) -> None:
    place, last_good = directory / CONFIG, directory / LAST_GOOD
    if not last_good.exists():
        content = place.read_bytes() if place.exists() else b""  # empty stands for no file
        apply(Changes((ProjectFile(LAST_GOOD, content, 0o600),)), directory)
    mode = place.stat().st_mode & 0o777 if place.exists() else 0o644
    secret = bool(secrets(config))
    apply(Changes((ProjectFile(CONFIG, _text(config).encode(), mode & 0o600 if secret else mode),)), directory)
    if restarts and (reason := text_without_secrets(engine.restart())):
        _take_back(directory, mode)
        again = text_without_secrets(engine.restart())
        last_good.unlink()
        cause = f"the engine does not start with it ({reason})"
        if again:
            cause += f", nor with the last good {place}, which is back ({again})"
            raise FleetError(attempted, cause, "Look at `journalctl -u docker`.")
        next_step = f"Correct the contribution; the last good {place} is back, and the engine runs with it."
        raise FleetError(attempted, cause, next_step)
    last_good.unlink()


def _take_back(directory: Path, mode: int) -> None:
    content = (directory / LAST_GOOD).read_bytes()
    file = ProjectFile(CONFIG, content, mode)
    apply(Changes((file,)) if content else Changes(remove=(CONFIG,)), directory)


def _record(name: str, wanted: Mapping[str, Any], directory: Path) -> None:
    file = ProjectFile(_record_path(name), _text(wanted).encode(), 0o600)
    apply(Changes((file,)) if wanted else Changes(remove=(file.path,)), directory)


def _record_path(name: str) -> str:
    return f"{RECORDS}/{name}.json"


def _text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, indent=4, sort_keys=True) + "\n"


def _difference(path: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """Ansible's diff of the file, with nothing secret in it."""
    if same(before, after):
        return []
    shown, shown_after = _text(without_secrets(before)), _text(without_secrets(after))
    if shown == shown_after:
        shown_after += "(a secret in it is another one)\n"
    return [{"before_header": str(path), "after_header": str(path), "before": shown, "after": shown_after}]
