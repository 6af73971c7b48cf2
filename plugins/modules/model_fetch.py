#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring published models into a host's Hugging Face cache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_fetch
short_description: Bring published models into a host's Hugging Face cache
description:
  - Reads each model that the cache does not have from the store straight into place; the host's disk sees no tar.
  - Every file is hashed before it gets its name, and the snapshot appears last, at once. What a killed run left is
    resumed inside the file.
  - With models that are there, nothing is asked of anybody; in check mode nothing ever is, so without O(sources) it is
    the way to see what is missing.
  - Needs nothing but the distribution's Python.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.store.models
  - inference.fleet.progress
attributes:
  check_mode:
    support: full
    description: Says what is missing.
  diff_mode:
    support: full
    description: Shows the snapshots that appear.
options:
  peers:
    description:
      - The C(url) of each M(inference.fleet.model_share) that may have some of the models. They are asked first, and
        the store for what they do not have.
    type: list
    elements: str
    default: []
  cache_dir:
    description: The Hugging Face cache, the folder that holds C(models--org--name).
    type: path
    required: true
  sources:
    description: The C(sources) that M(inference.fleet.model_archive_info) returned for the missing models.
    type: list
    elements: dict
    default: []
    suboptions:
      repo_id:
        description: The repository.
        type: str
        required: true
      revision:
        description: As in O(models).
        type: str
        required: true
      key:
        description: Where the model lies in the store.
        type: str
        required: true
      url:
        description: Presigned URL of the tar.
        type: str
        required: true
      manifest:
        description: What is in the tar.
        type: dict
        required: true
      ca:
        description: PEM certificates of the authority that signed the store's, where the system does not know it.
        type: str
"""

EXAMPLES = r"""
- name: The host has the models that it serves
  inference.fleet.model_fetch:
    cache_dir: /var/lib/inference.fleet/hub
    models: "{{ model_cache_models }}"
    sources: "{{ archived.sources }}"
"""

RETURN = r"""
models:
  description: Every model that is in the cache now, and whether it came with this run.
  returned: always
  type: list
  elements: dict
  sample:
    - name: falcon
      repo_id: tiiuae/falcon-7b
      revision: main
      commit: ec89142b67d748a1865ea4451372db8313ada0d8
      path: /cache/models--tiiuae--falcon-7b/snapshots/ec89142b67d748a1865ea4451372db8313ada0d8
      bytes_read: 16069712344
      bytes_from_peers: 0
      changed: true
missing:
  description: The entries of O(models) that the cache does not have; in check mode those that would be fetched.
  returned: always
  type: list
  elements: dict
expired:
  description: Whether all that is wrong is that addresses expired while they were read; go on with new O(sources).
  returned: failure
  type: bool
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.artifacts.artifact import artifacts, entry_id
from ..module_utils.artifacts.fetch import ExpiredError, fill
from ..module_utils.artifacts.transfer.progress import Progress
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cache_dir": {"type": "path", "required": True},
            "models": {"type": "list", "elements": "dict", "required": True},
            "progress_file": {"type": "path"},
            "peers": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "sources": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "repo_id": {"type": "str", "required": True},
                    "revision": {"type": "str", "required": True},
                    "key": {"type": "str", "required": True, "no_log": False},
                    "url": {"type": "str", "required": True, "no_log": True},
                    "manifest": {"type": "dict", "required": True},
                    "ca": {"type": "str"},
                },
            },
        },
        supports_check_mode=True,
    )
    p = module.params
    cache = Path(p["cache_dir"])
    try:
        wanted = artifacts(p["models"], family_needed=False)
        progress = Progress(p["progress_file"])
        found, missing, errors = fill(
            cache, wanted, p["sources"], progress, peers=p["peers"], check_mode=module.check_mode
        )
    except FleetError as error:
        module.fail_json(msg=str(error), models=[], missing=p["models"])
    names = {(artifact.repo_id, artifact.revision) for artifact in missing}
    appeared = [*(item["path"] for item in found if item["changed"]), *(artifact.label for artifact in missing)]
    result = {
        "changed": bool(appeared),
        "models": found,
        "missing": [entry for entry in p["models"] if entry_id(entry) in names],
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in appeared)},
    }
    if errors:
        expired = all(isinstance(error, ExpiredError) for error in errors)
        module.fail_json(msg="\n".join(str(error) for error in errors), expired=expired, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
