#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove models from a host's Hugging Face cache that it does not serve."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_cache_prune
short_description: Remove models from a host's Hugging Face cache that it does not serve
description:
  - Removes every snapshot that is not one of O(models), with the blobs that no other snapshot has.
  - What a container on the host serves stays, wanted or not. A container serves a model if its repository is among the
    container's arguments, and of that the commits that are among them too, or all where none is.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.store.models
attributes:
  check_mode:
    support: full
    description: Says what would go.
  diff_mode:
    support: full
    description: Shows the snapshots that go.
options:
  cache_dir:
    description: The Hugging Face cache, the folder that holds C(models--org--name).
    type: path
    required: true
"""

EXAMPLES = r"""
- name: The host keeps the models that it serves, and no others
  inference.fleet.model_cache_prune:
    cache_dir: /var/lib/inference.fleet/hub
    models: "{{ model_cache_models }}"
"""

RETURN = r"""
removed:
  description: The snapshots that went.
  returned: always
  type: list
  elements: path
freed:
  description: How much room that gave back, in bytes.
  returned: always
  type: int
served:
  description: Snapshots that are not among O(models) but stay, because a container serves them.
  returned: always
  type: list
  elements: path
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.artifacts.artifact import artifacts
from ..module_utils.artifacts.prune import prune, served_arguments
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cache_dir": {"type": "path", "required": True},
            "models": {"type": "list", "elements": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    p = module.params
    try:
        wanted = artifacts(p["models"], family_needed=False)
        removed, freed, served = prune(Path(p["cache_dir"]), wanted, served_arguments(), check_mode=module.check_mode)
    except FleetError as error:
        module.fail_json(msg=str(error))
    diff = {"before": "".join(f"{path}\n" for path in removed), "after": ""}
    module.exit_json(changed=bool(removed), removed=removed, freed=freed, served=served, diff=diff)


if __name__ == "__main__":
    main()
