#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See which files tell apt of a package repository."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_sources_info
short_description: See which files tell apt of a package repository
description:
  - Finds the files below C(/etc/apt) that name one of some repositories, in the one-line style or in stanzas.
  - Once two files name a repository with different keys, apt reads no source at all any more. Ask before another is
    written.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  repositories:
    description: The repositories.
    type: list
    elements: dict
    required: true
    suboptions:
      url:
        description: Its URL.
        type: str
        required: true
      suite:
        description: Its suite; V(/) is a flat repository.
        type: str
        default: /
"""

EXAMPLES = r"""
- name: See who names Habana's repository
  inference.fleet.apt_sources_info:
    repositories:
      - url: https://vault.habana.ai/artifactory/debian
        suite: noble
  register: naming
"""

RETURN = r"""
files:
  description: The files.
  returned: success
  type: list
  elements: str
  sample: [/etc/apt/sources.list.d/artifactory.list]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.apt_sources import files_naming
from ..module_utils.local_command import look


def main() -> None:
    repository = {"url": {"type": "str", "required": True}, "suite": {"type": "str", "default": "/"}}
    module = AnsibleModule(
        argument_spec={
            "repositories": {"type": "list", "elements": "dict", "required": True, "options": repository},
        },
        supports_check_mode=True,
    )
    wanted = [(entry["url"], entry["suite"]) for entry in module.params["repositories"]]
    architecture = look("dpkg", "--print-architecture").output.strip()
    module.exit_json(changed=False, files=files_naming(wanted, architecture))


if __name__ == "__main__":
    main()
