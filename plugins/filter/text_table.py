# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as aligned lines, for what playbooks print."""

from __future__ import annotations

DOCUMENTATION = r"""
name: text_table
short_description: Render rows as lines of equal columns
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
description:
  - Renders rows as text, the column names first, for what a playbook prints.
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
  columns:
    description: Which keys to show, in this order; those of the first row where omitted.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Say what serves
  ansible.builtin.debug:
    msg: "{{ [{'instance': 'hermes-gpu-a', 'state': 'serving'}] | inference.fleet.text_table }}"
"""

RETURN = r"""
_value:
  description: The lines, joined by line breaks.
  type: str
"""

from typing import Any

from ..module_utils.text_table import text_table


class FilterModule:
    """Filters of the collection."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {"text_table": text_table}
