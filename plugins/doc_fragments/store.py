# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules about models in a store share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  store:
    description: The S3 store.
    type: dict
    required: true
    suboptions:
      bucket:
        description: Name of the bucket. It must exist.
        type: str
        required: true
      endpoint:
        description: URL of a store other than AWS.
        type: str
      access_key:
        description: Access key id; without one, boto3 looks in the publisher's environment, profile and instance role.
        type: str
      secret_key:
        description: Secret access key.
        type: str
      region:
        description: Region that requests are signed for, V(us-east-1) if not given.
        type: str
      ca:
        description: PEM certificates of the authority that signed the store's, where the system does not know it.
        type: str
requirements:
  - boto3
"""

    MODELS = r"""
options:
  models:
    description:
      - The models, each a dictionary.
      - C(repo_id), C(revision) (a commit; or a branch or tag) and C(family) say which; C(name) is how messages call it.
      - C(formats) (of V(safetensors), V(bin), V(pt), V(gguf); by default the first of these that there is), C(include)
        and C(exclude) (lists of patterns) say which of the repository's files belong to it.
      - C(key) is where it lies in the store, by default
        C(models/<family>/<first 7 of the commit>/<org>--<name>.tar). Other keys are ignored.
    type: list
    elements: dict
    required: true
"""
