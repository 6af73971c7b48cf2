#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the packages that make up an NVIDIA driver."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nvidia_packages_info
short_description: Find the packages that make up an NVIDIA driver
description:
  - Asks the host's package sources which versions of NVIDIA's driver they have, chooses the one that is wanted, and
    finds all packages that must be of exactly that version, those that apt would have taken at another among them.
  - Fails with what there is where the branch or version that is wanted is not there.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  source:
    description: V(nvidia) is NVIDIA's repository, V(distribution) the distribution's own.
    type: str
    choices: [nvidia, distribution]
    required: true
  distribution:
    description: The host's distribution.
    type: str
    choices: [debian, ubuntu]
    required: true
  modules:
    description: Which kernel modules.
    type: str
    choices: [open, proprietary]
    required: true
  branch:
    description: Branch of which to take the newest version; O(version) is stronger.
    type: str
    default: ""
  version:
    description: Exact version of the driver.
    type: str
    default: ""
  keep:
    description: Version of O(branch) to stay with where the sources still have it.
    type: str
    default: ""
  fabric:
    description: Include the fabric manager, which NVSwitches need.
    type: bool
    default: false
  subnet:
    description: Include the subnet manager, which NVSwitches of NVLink 5 need beside the fabric manager.
    type: bool
    default: false
  persistence:
    description: Include the persistence daemon.
    type: bool
    default: true
  pins:
    description: Packages by which apt is kept at the version or branch, which the sources must have.
    type: list
    elements: str
    default: []
  headers:
    description: Packages of kernel headers that the sources must have.
    type: list
    elements: str
    default: []
  kernels:
    description:
      - Kernels that must have modules, as the names of packages end that come with each. A flavour (V(generic)) stands
        for its newest kernel, where the sources have such a package. Only Ubuntu's own modules are packages of one
        kernel each.
    type: list
    elements: str
    default: []
  installed:
    description:
      - Versions by name of the packages that are installed of the driver, which move with it, and of modules for one
        kernel each.
    type: dict
    default: {}
  sources:
    description: Source files of which to read the indexes afresh first; apt's lists are all that changes.
    type: list
    elements: path
    default: []
  origin:
    description: What the URLs of the source have in common; empty takes any source.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Find the newest driver of branch 580
  inference.fleet.nvidia_packages_info:
    source: nvidia
    distribution: debian
    modules: open
    branch: "580"
  register: driver
"""

RETURN = r"""
version:
  description: Version of the driver that was chosen.
  returned: success
  type: str
  sample: 580.95.05
packages:
  description: What to install together, with the version of each as apt knows it.
  returned: success
  type: dict
  sample: {nvidia-driver-cuda: 580.95.05-1, nvidia-kernel-open-dkms: 580.95.05-1, libcuda1: 580.95.05-1}
obsolete:
  description:
    - Those of O(installed) that have to go, as there are none in this version, or they belong to modules of the other
      kind.
  returned: success
  type: list
  elements: str
  sample: [nvidia-fabricmanager-570]
available:
  description: Versions of the driver that there are, by branch.
  returned: success
  type: dict
  sample: {"580": [580.95.05, 580.82.07], "590": [590.44.01]}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.accelerators.nvidia_release import find
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "choices": ["nvidia", "distribution"], "required": True},
            "distribution": {"type": "str", "choices": ["debian", "ubuntu"], "required": True},
            "modules": {"type": "str", "choices": ["open", "proprietary"], "required": True},
            "branch": {"type": "str", "default": ""},
            "version": {"type": "str", "default": ""},
            "keep": {"type": "str", "default": ""},
            "fabric": {"type": "bool", "default": False},
            "subnet": {"type": "bool", "default": False},
            "persistence": {"type": "bool", "default": True},
            "pins": {"type": "list", "elements": "str", "default": []},
            "headers": {"type": "list", "elements": "str", "default": []},
            "kernels": {"type": "list", "elements": "str", "default": []},
            "installed": {"type": "dict", "default": {}},
            "sources": {"type": "list", "elements": "path", "default": []},
            "origin": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        result = find(**module.params)
    except FleetError as error:
        module.fail_json(msg=str(error), cause_id=error.cause_id)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
