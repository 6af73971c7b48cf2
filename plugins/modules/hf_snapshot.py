#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring models from a Hugging Face hub into a Hugging Face cache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hf_snapshot
short_description: Bring models from a Hugging Face hub into a Hugging Face cache
description:
  - Downloads a revision into a cache that C(huggingface_hub) and C(transformers) open offline, over several connections
    per file, straight into place.
  - Every file is checked against the hash that the hub lists, large ones by their sha256, others by git's blob id. The
    snapshot appears last, at once.
  - What a killed run left is resumed inside the file. Nothing else is left over.
  - Needs nothing but the distribution's Python.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.store.models
  - inference.fleet.store.hub
  - inference.fleet.progress
attributes:
  check_mode:
    support: full
    description: Asks the hub for what is missing, downloads nothing.
  diff_mode:
    support: full
    description: Shows the snapshots that appear.
options:
  cache_dir:
    description: The Hugging Face cache, the folder that holds C(models--org--name).
    type: path
    required: true
"""

EXAMPLES = r"""
- name: This machine has the model
  inference.fleet.hf_snapshot:
    cache_dir: /var/lib/inference.fleet/hub
    models:
      - repo_id: NousResearch/Hermes-3-Llama-3.1-8B
        revision: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
    hub_token: "{{ vault_hub_token }}"
"""

RETURN = r"""
models:
  description: The models that the cache has now, or in check mode would have.
  returned: always
  type: list
  elements: dict
  sample:
    - name: falcon
      repo_id: tiiuae/falcon-7b
      revision: main
      commit: ec89142b67d748a1865ea4451372db8313ada0d8
      path: /cache/models--tiiuae--falcon-7b/snapshots/ec89142b67d748a1865ea4451372db8313ada0d8
      bytes_read: 14434379872
      changed: true
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.artifacts.answer import end
from ..module_utils.artifacts.artifact import artifacts
from ..module_utils.artifacts.hub import Hub
from ..module_utils.artifacts.origin import Origin
from ..module_utils.artifacts.snapshot import take
from ..module_utils.artifacts.transfer.progress import Progress
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cache_dir": {"type": "path", "required": True},
            "models": {"type": "list", "elements": "dict", "required": True},
            "hub_url": {"type": "str"},
            "hub_token": {"type": "str", "no_log": True},
            "hub_ca": {"type": "str"},
            "progress_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    p = module.params
    hub = Hub(p["hub_url"] or "", p["hub_token"] or "", p["hub_ca"] or "")
    try:
        wanted = artifacts(p["models"], family_needed=False)
        progress = Progress(p["progress_file"])
        found, errors = take(Path(p["cache_dir"]), wanted, Origin(hub), progress, check_mode=module.check_mode)
    except FleetError as error:
        module.fail_json(msg=str(error), models=[])
    end(module, found, errors, [model.path for model in found if model.changed])


if __name__ == "__main__":
    main()
