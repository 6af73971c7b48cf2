# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Container Device Interface's specification of this machine's GPUs, and whether it still describes them."""

from __future__ import annotations

import json
import re
from typing import Any

from .machine import Machine

FOLDERS = ("etc/cdi", "var/run/cdi")  # those that Docker reads; a later one wins
NAME = re.compile(r"^\s*(?:- )?name:\s*\"?([^\s\"]+)\"?\s*$", re.MULTILINE)
LIBRARY = re.compile(r"lib(?:cuda|nvidia-ml)\.so\.(\d+(?:\.\d+)+)")
KIND = re.compile(r"^kind:\s*\"?([\w.-]+/[\w.-]+)", re.MULTILINE)


def observe_cdi(machine: Machine, vendor: str) -> dict[str, Any] | None:
    """The specification of ``vendor`` (nvidia.com), with the driver version that it was made for; None without one."""
    for folder in reversed(FOLDERS):
        for name in machine.names(folder):
            path = f"{folder}/{name}"
            found = parse_cdi(machine.text(path)) if name.endswith((".yaml", ".json")) else None
            if found and found["kind"].startswith(f"{vendor}/"):
                return {"path": f"/{path}", "made": (machine.root / path).stat().st_mtime, **found}
    return None


def parse_cdi(text: str) -> dict[str, Any] | None:
    """Kind, device names and driver version, without a YAML parser, which targets need not have; None: it is none."""
    kind, names = _of_json(text) if text.startswith("{") else _of_yaml(text)
    if not kind:
        return None
    version = LIBRARY.search(text)
    return {
        "kind": kind,
        "devices": [f"{kind}={name}" for name in names],
        "driver": version.group(1) if version else None,
    }


def _of_yaml(text: str) -> tuple[str, list[str]]:
    kind = KIND.search(text)
    return (kind.group(1) if kind else "", NAME.findall(text))


def _of_json(text: str) -> tuple[str, list[str]]:
    try:
        specification = json.loads(text)
        return str(specification["kind"]), [str(device["name"]) for device in specification["devices"]]
    except (ValueError, LookupError, TypeError):
        return "", []


def is_stale(specification: dict[str, Any], library: str | None, installed: float | None) -> bool:
    """Whether it was made for another driver than ``library``; where it does not say, before that was ``installed``."""
    if specification["driver"] and library:
        return bool(specification["driver"] != library)
    return installed is not None and specification["made"] < installed
