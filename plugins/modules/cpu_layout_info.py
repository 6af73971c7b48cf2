#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Share out a host's cores and memory among services."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cpu_layout_info
short_description: Share out a host's cores and memory among services
description:
  - Computes from the host's NUMA nodes, cores and memory which cores each instance of vLLM on the CPU computes on, and
    how much memory its KV cache can have. No two instances get threads of the same core.
  - Each process that computes (there are O(services[].command)'s C(--tensor-parallel-size) of them in an instance) gets
    cores of one NUMA node, where its memory is. A node that stays without work is warned of.
  - The same host and services give the same answer, whatever runs.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  services:
    description: Instances on the CPU, in the order in which they choose.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the instance.
        type: str
        required: true
      command:
        description: >-
          Arguments of C(vllm serve). With C(--gpu-memory-utilization) an instance takes that part of its nodes' memory,
          and vLLM itself makes its KV cache of it.
        type: list
        elements: str
        required: true
      environment:
        description: Its environment. C(VLLM_CPU_KVCACHE_SPACE) in it is kept, and taken off what the others can have.
        type: dict
        default: {}
      model:
        description: Repository of its model.
        type: str
      revision:
        description: Revision of its model.
        type: str
  cache_dir:
    description: Hugging Face cache in which the models' weights are measured; a model that is not there weighs nothing.
    type: path
    required: true
  pin:
    description: Give each instance cores of its own; otherwise only memory is shared out.
    type: bool
    default: true
  reserved_cores:
    description: Cores that no instance gets. Where omitted, one on a host with eight or more.
    type: int
  reserved_memory_gib:
    description: Memory that no instance gets, in GiB. Where omitted, 8 % of the host's, and at least 2 GiB.
    type: float
"""

EXAMPLES = r"""
- name: Share out the cores
  inference.fleet.cpu_layout_info:
    cache_dir: /var/lib/inference.fleet/hub
    services:
      - name: neural-chat-cpu-a
        command: [Intel/neural-chat-7b-v3-3, --tensor-parallel-size, "2"]
        model: Intel/neural-chat-7b-v3-3
        revision: main
  register: layout
"""

RETURN = r"""
services:
  description:
    - By name, what to start each instance with. C(cpuset) are all threads of its cores, V(null) without O(pin).
    - In C(environment), ranks of C(VLLM_CPU_OMP_THREADS_BIND) are separated by C(|); the last core of each is left to
      scheduling and the API, as vLLM does by itself. C(VLLM_CPU_KVCACHE_SPACE) is of each rank, in whole GiB.
  returned: success
  type: dict
  sample:
    neural-chat-cpu-a:
      environment: {VLLM_CPU_OMP_THREADS_BIND: "168-222|113-166", VLLM_CPU_KVCACHE_SPACE: "225"}
      cpuset: 1-111,113-223
      nodes: [1, 0]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.accelerators.cpu import observe_cpu
from ..module_utils.accelerators.machine import Machine
from ..module_utils.cpu.layout import layout
from ..module_utils.cpu.wanted import wanted
from ..module_utils.errors import FleetError

SERVICE = {
    "name": {"type": "str", "required": True},
    "command": {"type": "list", "elements": "str", "required": True},
    "environment": {"type": "dict", "default": {}},
    "model": {"type": "str"},
    "revision": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True, "options": SERVICE},
            "cache_dir": {"type": "path", "required": True},
            "pin": {"type": "bool", "default": True},
            "reserved_cores": {"type": "int"},
            "reserved_memory_gib": {"type": "float"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        found = layout(
            observe_cpu(Machine()),
            [wanted(service, Path(options["cache_dir"])) for service in options["services"]],
            pin=options["pin"],
            reserved_cores=options["reserved_cores"],
            reserved_gib=options["reserved_memory_gib"],
        )
    except FleetError as error:
        module.fail_json(msg=str(error))
    for warning in found["warnings"]:
        module.warn(warning)
    module.exit_json(changed=False, services=found["services"])


if __name__ == "__main__":
    main()
