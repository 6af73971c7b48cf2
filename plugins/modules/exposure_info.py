#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See whether what is to be closed answers from here."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exposure_info
short_description: See whether what is to be closed answers from here
description:
  - Asks each of O(targets) over HTTP, without a key. It counts as closed where nothing listens or answers, or where the
    answer is 401, 403 or 404.
  - What is open is reported but is no failure. Look at RV(targets[].closed).
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  targets:
    description: What to ask.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What it is, for results.
        type: str
        required: true
      url:
        description: URL.
        type: str
        required: true
      ca:
        description: Certificates to trust, in PEM form; the system's where omitted.
        type: str
  timeout:
    description: How long to wait for an answer, in seconds.
    type: float
    default: 2
"""

EXAMPLES = r"""
- name: Are the instances hidden behind the gateway?
  inference.fleet.exposure_info:
    targets:
      - name: vLLM without the gateway
        url: http://{{ ansible_host }}:8000/health
  delegate_to: localhost
"""

RETURN = r"""
targets:
  description: What became of each target.
  returned: success
  type: list
  elements: dict
  contains:
    closed:
      description: Whether it is closed.
      type: bool
  sample:
    - name: vLLM without the gateway
      url: http://192.0.2.11:8000/health
      closed: true
      evidence: Connection refused
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.serving.exposure import look_from_here


def main() -> None:
    target = {
        "name": {"type": "str", "required": True},
        "url": {"type": "str", "required": True},
        "ca": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "targets": {"type": "list", "elements": "dict", "required": True, "options": target},
            "timeout": {"type": "float", "default": 2},
        },
        supports_check_mode=True,
    )
    found = look_from_here(module.params["targets"], module.params["timeout"])
    module.exit_json(changed=False, targets=found)


if __name__ == "__main__":
    main()
