# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches of roles mean what they say when they come as text: from ``-e`` and INI files "false" comes as a word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).parents[2] / "roles"


def switches() -> list[tuple[str, str]]:
    found = set()
    for path in ROLES.glob("*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            found |= {
                (path.parts[-3], name)
                for name, option in entry.get("options", {}).items()
                if option.get("type") == "bool"
            }
    return sorted(found)


@pytest.mark.parametrize(("role", "switch"), switches())
def test_where_a_role_decides_by_a_switch_it_is_made_a_boolean(role: str, switch: str) -> None:
    bare = re.compile(rf"\b{switch} (?:and|or|else|%}})|(?:if|not|when:) {switch}(?! \|)")
    decisions = [
        f"{path.relative_to(ROLES)}: {line.strip()}"
        for folder in ("tasks", "vars", "templates")
        for path in (ROLES / role / folder).rglob("*.*")
        for line in path.read_text().splitlines()
        if bare.search(line)
    ]
    assert not decisions
