# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible resolves templates in values, never in keys: one there is a name that nothing has, and nobody is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("roles", "playbooks", "molecule", "inventories")
    for path in sorted((ROOT / folder).rglob("*.yml"))
]


KEY = re.compile(r"""^\s*(?:- )?(["'])\{\{.*\}\}.*\1:(?:\s|$)""", re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_key_is_a_template(path: Path) -> None:
    assert [match[0].strip() for match in KEY.finditer(path.read_text())] == []
