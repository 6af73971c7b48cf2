#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that a driver can run the CUDA of images."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cuda_requirements
short_description: Check that a driver can run the CUDA of images
description:
  - Reads from images that are on the host which CUDA they have (C(CUDA_VERSION), else C(NVIDIA_REQUIRE_CUDA) in their
    environment), and fails where the driver is too old for one, with both versions and the smallest fix.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  images:
    description: Images by reference. One that is not on the host, or does not say which CUDA it has, passes.
    type: list
    elements: str
    required: true
  compatible_images:
    description: Images that run with C(VLLM_ENABLE_CUDA_COMPATIBILITY), by which some older drivers run newer CUDA.
    type: list
    elements: str
    default: []
  driver:
    description: Version of the driver.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Check before the driver is replaced
  inference.fleet.cuda_requirements:
    images: [vllm/vllm-openai:v0.33.0]
    driver: 570.172.08
"""

RETURN = r"""
cuda:
  description: The CUDA release of each image that is known.
  returned: success
  type: dict
  sample: {"vllm/vllm-openai:v0.33.0": 13.0.2}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.accelerators.cuda import too_old
from ..module_utils.accelerators.images import cuda_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "required": True},
            "compatible_images": {"type": "list", "elements": "str", "default": []},
            "driver": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    driver = module.params["driver"]
    plain, compatible = (cuda_of(module.params[name]) for name in ("images", "compatible_images"))
    known = {**plain, **compatible}
    problems = [*too_old(driver, plain), *too_old(driver, compatible, compatible=True)]
    if problems:
        module.fail_json(msg="\n".join(map(str, problems)), cause_id=problems[0].cause_id, cuda=known)
    module.exit_json(changed=False, cuda=known)


if __name__ == "__main__":
    main()
