#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List what an S3 store has of a fleet's models."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_archive_info
short_description: List what an S3 store has of a fleet's models
description:
  - Says for each model where it lies in the store, whether it is complete there, and with O(compare) whether it is what
    the hub has.
  - With O(presign), also makes what M(inference.fleet.model_fetch) needs to read it without credentials. The URLs are
    as good as credentials until they expire, so register the task with C(no_log).
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
  - inference.fleet.store
  - inference.fleet.store.models
  - inference.fleet.store.hub
options:
  presign:
    description: How many seconds presigned URLs are valid; V(0) makes none. Otherwise a model that is absent fails.
    type: int
    default: 0
  compare:
    description: Ask the hub too.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Get an address of each model
  inference.fleet.model_archive_info:
    models: "{{ model_cache_models }}"
    store: "{{ store }}"
    presign: 3600
  delegate_to: "{{ groups['publisher'] | first }}"
  register: archived
  no_log: true
"""

RETURN = r"""
models:
  description:
    - One entry for each model. C(state) is V(complete), V(incomplete) (an upload was begun, or what is there has other
      files) or V(absent).
    - C(hub_commit) and C(current), whether the store has just what the hub has, are null without O(compare).
  returned: success
  type: list
  elements: dict
  sample:
    - name: hermes-3-8b
      repo_id: NousResearch/Hermes-3-Llama-3.1-8B
      revision: main
      commit: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
      key: models/hermes/896ea44/NousResearch--Hermes-3-Llama-3.1-8B.tar
      published: true
      state: complete
      size: 16069720064
      hub_commit: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
      current: true
missing:
  description: Those of O(models) that the store does not have, as they were given.
  returned: always
  type: list
  elements: dict
sources:
  description: What M(inference.fleet.model_fetch) takes; the URLs in it are secrets.
  returned: with O(presign)
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.artifacts.artifact import artifacts, entry_id
from ..module_utils.artifacts.hub import Hub
from ..module_utils.artifacts.stores.base import Settings
from ..module_utils.artifacts.stores.info import look
from ..module_utils.artifacts.stores.open import open_store
from ..module_utils.artifacts.stores.options import STORE
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "models": {"type": "list", "elements": "dict", "required": True},
            "store": STORE,
            "presign": {"type": "int", "default": 0},
            "compare": {"type": "bool", "default": False},
            "hub_url": {"type": "str"},
            "hub_token": {"type": "str", "no_log": True},
            "hub_ca": {"type": "str"},
        },
        supports_check_mode=True,
    )
    p = module.params
    try:
        store = open_store(Settings.of(p["store"]))
        hub = Hub(p["hub_url"] or "", p["hub_token"] or "", p["hub_ca"] or "") if p["compare"] else None
        wanted = artifacts(p["models"], family_needed=True)
        models, sources, errors = look(store, wanted, presign=p["presign"], hub=hub)
    except FleetError as error:
        module.fail_json(msg=str(error))
    if errors:
        module.fail_json(msg="\n".join(str(error) for error in errors))
    published = {(model["repo_id"], model["revision"]) for model in models if model["published"]}
    missing = [entry for entry in p["models"] if entry_id(entry) not in published]
    module.exit_json(changed=False, models=models, missing=missing, sources=sources)


if __name__ == "__main__":
    main()
