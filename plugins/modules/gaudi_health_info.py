#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Screen the health of a host's Gaudis."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gaudi_health_info
short_description: Screen the health of a host's Gaudis
description:
  - Looks at what Habana's own health screen looks at, whether each card can be acquired, what its driver and its
    temperature say, and whether its ports are up.
  - A card that nobody uses is acquired for a moment. A temperature of 0 means that the card failed to initialise.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  external_ports:
    description: Whether the ports that lead out of the machine must be up too, as between machines of one instance.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Screen the Gaudis
  inference.fleet.gaudi_health_info:
  register: health

- name: Stop where one is ill
  ansible.builtin.assert:
    that: health.problems | length == 0
    fail_msg: "{{ health.problems }}"
"""

RETURN = r"""
cards:
  description:
    - What was found of each card. C(status) is its driver's word for it, C(operational) if all is well.
    - C(busy) says that a process has it open; then it is not acquired.
  returned: success
  type: list
  elements: dict
  sample:
    - index: 0
      module_id: 6
      bus_id: "0000:19:00.0"
      name: HL-225
      temperature_c: 31
      status: operational
      busy: false
      acquire_error: null
      ports_down: []
problems:
  description: What is wrong, in plain words; empty where nothing is.
  returned: success
  type: list
  elements: dict
  sample:
    - thing: Gaudi 3
      cause: its temperature is 0, which means that the card failed to initialise
      next_step: Try `hl-smi -r -i 0000:9b:00.0`, then a power cycle; else have the card replaced.
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.accelerators.gaudi_health import screen
from ..module_utils.accelerators.machine import Machine


def main() -> None:
    module = AnsibleModule(
        argument_spec={"external_ports": {"type": "bool", "default": False}}, supports_check_mode=True
    )
    module.exit_json(changed=False, **screen(Machine(), module.params["external_ports"]))


if __name__ == "__main__":
    main()
