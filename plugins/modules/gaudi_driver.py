#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reload the driver of a host's Gaudis, and update their firmware while it is out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gaudi_driver
short_description: Reload the driver of a host's Gaudis, and update their firmware while it is out
description:
  - Takes the kernel modules out, each once the kernel says that nothing uses it, and puts them in again in the order
    of Habana's Installation Guide.
  - Every run does it; what to look at before is in M(inference.fleet.accelerator_info).
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
attributes:
  check_mode:
    support: full
    description: Says what it would do.
  diff_mode:
    support: N/A
    description: There is no text to compare.
options:
  state:
    description: Whether the driver is loaded again afterwards. With V(unloaded), O(containers) stay stopped.
    type: str
    choices: [reloaded, unloaded]
    default: reloaded
  firmware:
    description:
      - Update the firmware of all cards with C(hl-fw-loader), to that of the installed C(habanalabs-firmware).
      - Takes minutes, in which the machine must not lose power.
    type: bool
    default: false
  containers:
    description: Containers that use the cards. They are stopped before and started afterwards, whatever happens.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Load the driver that is installed
  inference.fleet.gaudi_driver:
    containers: [vllm-0-mistral]
  throttle: 1
"""

RETURN = r"""
actions:
  description: What was done, in order, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample:
    - stopped vllm-0-mistral
    - unloaded habanalabs_ib
    - unloaded habanalabs_en
    - unloaded habanalabs_cn
    - unloaded habanalabs
    - updated the firmware
    - loaded habanalabs
    - loaded habanalabs_cn
    - loaded habanalabs_en
    - loaded habanalabs_ib
    - started vllm-0-mistral
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.accelerators.gaudi_modules import reload, steps
from ..module_utils.accelerators.machine import Machine
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["reloaded", "unloaded"], "default": "reloaded"},
            "firmware": {"type": "bool", "default": False},
            "containers": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    p = module.params
    wanted = {"containers": p["containers"], "firmware": p["firmware"], "load": p["state"] == "reloaded"}
    try:
        actions = (steps if module.check_mode else reload)(Machine(), **wanted)
    except FleetError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(actions), actions=actions)


if __name__ == "__main__":
    main()
