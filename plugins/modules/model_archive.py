#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publish models from a Hugging Face hub to an S3 store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_archive
short_description: Publish models from a Hugging Face hub to an S3 store
description:
  - Brings each model that the store does not have yet from the hub into the store, as one uncompressed, deterministic
    tar in the layout of a Hugging Face cache, with a manifest beside it (C(<key>.manifest.json)) that is written last.
  - The bytes go from the hub through memory to the store. Neither a tar nor a snapshot comes to lie on this machine's
    disk.
  - What a run that was killed has sent is not sent again (C(<key>.upload.json) remembers it), whichever publisher goes
    on with it.
  - A model that is there costs two requests to the store; the hub is not asked, unless the revision is a branch or tag.
  - Every file is checked against the hash that the hub lists before anything becomes visible in the store.
  - A model with C(quantization) is quantized on its way, byte for byte as llm-compressor does it, with numpy alone, and
    in memory that does not depend on its size. Nothing becomes visible before every tensor is proven to be near its
    source; the proof stands in the manifest.
  - Models are independent; if some fail, the others are published all the same.
version_added: 1.0.0
requirements:
  - numpy, for models with C(quantization)
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.store
  - inference.fleet.store.models
  - inference.fleet.store.hub
  - inference.fleet.progress
attributes:
  check_mode:
    support: full
    description: Asks the hub and the store, transfers nothing.
  diff_mode:
    support: full
    description: Shows the keys that are written.
options:
  cache_dir:
    description: A Hugging Face cache here. A model that it has is published from it, and the hub is not asked for it.
    type: path
  also_cache:
    description: Leave what is published in O(cache_dir) too, in the same pass.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: The store has the fleet's models
  inference.fleet.model_archive:
    models:
      - repo_id: NousResearch/Hermes-3-Llama-3.1-8B
        revision: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
        family: hermes
    hub_token: "{{ vault_hub_token }}"
    store:
      endpoint: https://s3.example.com
      bucket: models
      access_key: "{{ vault_s3_access_key }}"
      secret_key: "{{ vault_s3_secret_key }}"

- name: The store has it in FP8 too
  inference.fleet.model_archive:
    models:
      - repo_id: NousResearch/Hermes-3-Llama-3.1-8B
        revision: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
        family: hermes
        quantization: fp8_dynamic
    store:
      bucket: models
"""

RETURN = r"""
models:
  description: The models that the store has now, or in check mode would have.
  returned: always
  type: list
  elements: dict
  sample:
    - name: hermes-3-8b
      repo_id: NousResearch/Hermes-3-Llama-3.1-8B
      revision: main
      commit: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
      key: models/hermes/896ea44/NousResearch--Hermes-3-Llama-3.1-8B.tar
      size: 16069720064
      changed: true
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.artifacts.answer import end
from ..module_utils.artifacts.artifact import artifacts
from ..module_utils.artifacts.hub import Hub
from ..module_utils.artifacts.publish import Publisher
from ..module_utils.artifacts.stores.base import Settings
from ..module_utils.artifacts.stores.open import open_store
from ..module_utils.artifacts.stores.options import STORE
from ..module_utils.artifacts.transfer.progress import Progress
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "models": {"type": "list", "elements": "dict", "required": True},
            "store": STORE,
            "hub_url": {"type": "str"},
            "hub_token": {"type": "str", "no_log": True},
            "hub_ca": {"type": "str"},
            "cache_dir": {"type": "path"},
            "also_cache": {"type": "bool", "default": False},
            "progress_file": {"type": "path"},
        },
        required_if=[("also_cache", True, ["cache_dir"])],
        supports_check_mode=True,
    )
    p = module.params
    try:
        publisher = Publisher(
            open_store(Settings.of(p["store"])),
            Hub(p["hub_url"] or "", p["hub_token"] or "", p["hub_ca"] or ""),
            cache=Path(p["cache_dir"]) if p["cache_dir"] else None,
            fill_cache=p["also_cache"],
            progress=Progress(p["progress_file"]),
            check_mode=module.check_mode,
        )
        found, errors = publisher.publish(artifacts(p["models"], family_needed=True))
    except FleetError as error:
        module.fail_json(msg=str(error), models=[])
    end(module, found, errors, [model.key for model in found if model.changed])


if __name__ == "__main__":
    main()
