#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that containers can use the GPUs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: accelerator_probe
short_description: Prove that containers can use the GPUs
description:
  - Asks nvidia-smi in a container for the driver's version, and fails where it does not answer or is not the expected
    one. The container's image is made from the host's own C library, so that it needs no registry.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  way:
    description: How the container gets the GPUs, by a CDI specification or by NVIDIA's container runtime.
    type: str
    choices: [cdi, runtime]
    default: cdi
  driver:
    description: The version that it must be.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Prove that a container sees the driver that is loaded
  inference.fleet.accelerator_probe:
    driver: 580.95.05
"""

RETURN = r"""
driver:
  description: The version that the container sees.
  returned: success
  type: str
  sample: 580.95.05
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.accelerators.container_probe import ATTEMPTED, driver_in_container
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "way": {"type": "str", "choices": ["cdi", "runtime"], "default": "cdi"},
            "driver": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        seen = driver_in_container(module.params["way"])
        if seen != module.params["driver"]:
            raise FleetError(ATTEMPTED, f"it sees driver {seen}, the host has {module.params['driver']}")
    except FleetError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, driver=seen)


if __name__ == "__main__":
    main()
