# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the modules about models in a store share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  store:
    description: The store, S3 or a folder.
    type: dict
    required: true
    suboptions:
      bucket:
        description: Name of the bucket, which must exist; of a folder below C(file:///path), which need not.
        type: str
        required: true
      endpoint:
        description:
          - URL of a store other than AWS.
          - V(file:///path) is a folder that the publisher and all hosts have mounted there, NFS for example.
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
      addressing:
        description: Whether the bucket stands in the URL's path or in its host name.
        type: str
        choices: [auto, path, virtual]
      sse:
        description: Server-side encryption of what is written; without it, as the bucket has it.
        type: str
        choices: [AES256, 'aws:kms', 'aws:kms:dsse']
      sse_kms_key_id:
        description: The key that O(store.sse=aws:kms) encrypts with.
        type: str
      compression:
        description:
          - How tars are stored. Weights shrink by a fifth at best, so V(none) is right wherever the network is faster
            than about 500 MB/s.
          - V(zstd) compresses at about 600 MB/s a core, in frames that hosts read in parallel.
          - V(gzip) is for those whose other tools need it; it compresses at some 40 MB/s a core, so that a 16 GB model
            takes minutes more.
        type: str
        choices: [none, zstd, gzip]
        default: none
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
      - C(quantization) names a scheme, such as V(fp8_dynamic). What it makes of the repository is a model of its own,
        called C(<org>/<name>-<scheme>) in results, in caches and by vLLM.
      - With the scheme V(inc_fp8), C(device_generation) (V(g2) or V(g3)) and C(tensor_parallel_size) say for which
        devices of Gaudi it is. What was measured for others is as good as none.
      - C(key) is where it lies in the store, by default
        C(models/<family>/<first 7 of the commit>/<org>--<name>.tar), and
        C(models/<family>/<first 7 of the commit>-<scheme>/<org>--<name>-<scheme>.tar) where it is quantized, with
        C(-<generation>-tp<size>) after the scheme where it is for some devices only. Other keys are ignored.
    type: list
    elements: dict
    required: true
"""

    HUB = r"""
options:
  hub_url:
    description: URL of a hub other than Hugging Face's own.
    type: str
  hub_token:
    description: Access token, for gated and private repositories. It is sent to the hub's host and to no other.
    type: str
  hub_ca:
    description: PEM certificates of the authority that signed the hub's, where the system does not know it.
    type: str
"""
