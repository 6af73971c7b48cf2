# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's configuration and who contributed what to it, as they lie on disk.

Beside ``/etc/docker/daemon.json`` lie ``contributions/NAME.json``, one for each contributor with what it contributed
last, and ``daemon.json.last-good`` for as long as a change is being put into effect.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FleetError
from .daemon_merge import merged, same

DIRECTORY = Path("/etc/docker")
CONFIG = "daemon.json"
LAST_GOOD = "daemon.json.last-good"
RECORDS = "contributions"


@dataclass(frozen=True)
class DaemonFiles:
    """What the files say."""

    config: dict[str, Any] | None  # None without a file
    records: dict[str, dict[str, Any]]  # by contributor
    last_good: dict[str, Any] | None  # the configuration before a run that died until the engine was back

    @property
    def unfinished(self) -> bool:
        """Whether a run died before the engine was back."""
        return self.last_good is not None

    @property
    def good(self) -> dict[str, Any]:
        """The last configuration that the engine ran with."""
        return self.last_good if self.last_good is not None else self.config or {}

    @property
    def settled(self) -> bool:
        """Whether everything contributed is in effect."""
        config = self.config or {}
        return not self.unfinished and all(same(merged(config, record), config) for record in self.records.values())

    @property
    def digests(self) -> dict[str, str]:
        """A digest of each contribution, to compare with what is wanted without showing it."""
        return {name: digest(record) for name, record in self.records.items()}


def read_files(directory: Path = DIRECTORY) -> DaemonFiles:
    """What is there. Raises FleetError for a file that is not a JSON object."""
    records = {path.stem: read_json(path) or {} for path in sorted((directory / RECORDS).glob("*.json"))}
    return DaemonFiles(read_json(directory / CONFIG), records, read_json(directory / LAST_GOOD))


def digest(config: Mapping[str, Any]) -> str:
    """What Ansible's ``to_json(sort_keys=true) | hash('sha256')`` makes of ``config``."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in the file; None when there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FleetError(f"Failed to read {path}", error.strerror or str(error), "Is the play run as root?") from error
    try:
        content = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise FleetError(f"Failed to read {path}", f"it is not JSON ({error})", "Repair it or move it away.") from error
    if not isinstance(content, dict):
        raise FleetError(f"Failed to read {path}", "it is not a JSON object", "Repair it or move it away.")
    return content
