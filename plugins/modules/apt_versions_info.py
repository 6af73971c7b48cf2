#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See which versions of packages a host's package repositories have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_versions_info
short_description: See which versions of packages a host's package repositories have
description:
  - Reads the indexes of some of the host's package repositories afresh, and says which versions of packages there are.
  - Fails with the repository and the cause where one cannot be read, be it that it does not answer or that it is
    signed with another key.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  sources:
    description: Files below C(/etc/apt) that name the repositories to read afresh.
    type: list
    elements: path
    default: []
  packages:
    description: The packages of interest.
    type: list
    elements: str
    required: true
  headers:
    description: Packages of kernel headers that the host or its sources must have.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: See which versions Habana has
  inference.fleet.apt_versions_info:
    sources: [/etc/apt/sources.list.d/habanalabs.sources]
    packages: [habanalabs-dkms]
  register: offered
"""

RETURN = r"""
versions:
  description: The versions of each package that there is, the newest first.
  returned: success
  type: dict
  sample: {habanalabs-dkms: [1.24.1-482, 1.23.0-695]}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import FleetError
from ..module_utils.host.apt import refresh, versions
from ..module_utils.host.kernel_headers import require_offered


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "sources": {"type": "list", "elements": "path", "default": []},
            "packages": {"type": "list", "elements": "str", "required": True},
            "headers": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        refresh(module.params["sources"])
        require_offered(module.params["headers"])
        found = versions(module.params["packages"])
    except FleetError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, versions=found)


if __name__ == "__main__":
    main()
