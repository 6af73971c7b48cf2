# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was proven of a container stays proven for as long as that container runs: a no-op run asks no model again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...docker.cli import docker_json
from ...errors import FleetError


def proven(folder: Path, service: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result kept for ``service``, if it was of this contract and of the container that runs now."""
    try:
        kept: dict[str, Any] = json.loads(_path(folder, service).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept["result"] if kept.get("of") == _subject(service) else None


def keep(folder: Path, service: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Remember a contract that was kept, and forget one that was broken."""
    path = _path(folder, service)
    if not result["kept"]:
        path.unlink(missing_ok=True)
        return
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"of": _subject(service), "result": result}), encoding="utf-8")
    partial.replace(path)


def _subject(service: Mapping[str, Any]) -> dict[str, Any]:
    """What a result is about: another container, or the same one started again, has to prove itself anew."""
    return {**{key: service[key] for key in ("model", "contract", "max_model_len")}, "run": _run(service["container"])}


def _run(container: str) -> list[str]:
    try:
        (found,) = docker_json("inspect", "--type", "container", container, attempted=f"Failed to find {container}")
    except FleetError:
        return []
    return [found["Id"], found["State"]["StartedAt"]]


def _path(folder: Path, service: Mapping[str, Any]) -> Path:
    return folder / f"{service['container']}.json"
