#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let other hosts read a host's models for a while."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_share
short_description: Let other hosts read a host's models for a while
description:
  - Starts a small HTTP server on the host, as a transient systemd service without privileges, that serves the blobs of
    its Hugging Face cache to whoever has its address. It ends by itself when nobody has asked for a while.
  - The address ends with a secret, so register the task with C(no_log). Content is not encrypted on its way; readers
    check every byte.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
attributes:
  check_mode:
    support: full
    description: Starts nothing.
  diff_mode:
    support: none
    description: There is nothing to show.
options:
  cache_dir:
    description: The Hugging Face cache, the folder that holds C(models--org--name).
    type: path
    required: true
  address:
    description: The host's address that others reach it at; it listens there only.
    type: str
    required: true
  port:
    description: The port to listen at.
    type: int
    required: true
  idle:
    description: After how many seconds without a request it ends.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Others may read this host's models
  inference.fleet.model_share:
    cache_dir: /var/lib/inference.fleet/hub
    address: 10.0.0.11
    port: 4790
  register: shared
  no_log: true
"""

RETURN = r"""
url:
  description: What M(inference.fleet.model_fetch) takes as one of its O(inference.fleet.model_fetch#module:peers).
  returned: success, except in check mode
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.artifacts.share import share
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cache_dir": {"type": "path", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "idle": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    p = module.params
    if module.check_mode:
        module.exit_json(changed=False)
    try:
        url = share(Path(p["cache_dir"]), p["address"], p["port"], p["idle"])
    except FleetError as error:
        module.fail_json(msg=str(error))
    # What it starts is gone when nobody needs it: the host is as it was.
    module.exit_json(changed=False, url=url)


if __name__ == "__main__":
    main()
