# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a play found, put together."""

from __future__ import annotations

DOCUMENTATION = r"""
name: verification
short_description: Put together what the role verify found on the hosts of a play
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
description:
  - Makes the O(inference.fleet.verification_report#module:results) of what the role C(verify) registered on each host.
  - A host that was not reached is a failure.
positional: hostvars, groups, reached
options:
  _input:
    description: The hosts that were asked.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts.
    type: dict
    required: true
  groups:
    description: The hosts of each group.
    type: dict
    required: true
  reached:
    description: Those of them that were reached.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Write the report
  inference.fleet.verification_report:
    folder: artifacts
    results: "{{ ansible_play_hosts_all | inference.fleet.verification(hostvars, groups, ansible_play_hosts) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: What was found, as the module verification_report takes it.
  type: dict
"""

from typing import Any

from ..plugin_utils.verification import verification


class FilterModule:
    """Filters of the collection."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {"verification": verification}
