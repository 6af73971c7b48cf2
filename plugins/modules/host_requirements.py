#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a host against everything that is wanted of it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_requirements
short_description: Check a host against everything that is wanted of it
description:
  - Compares operating system, kernel, memory, disk, ports, clock, address and accelerators with what is wanted, in one
    round trip.
  - Fails with one message that lists all that is wrong, each with its cause and what to do about it.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  containers:
    description: The host will run containers, so operating system, kernel and memory matter.
    type: bool
    default: true
  releases:
    description: Supported distributions, each as C(id-version) of os-release.
    type: list
    elements: str
    default: [debian-12, debian-13, ubuntu-22.04, ubuntu-24.04]
  architectures:
    description: Supported machines, as the kernel names them.
    type: list
    elements: str
    default: [x86_64, aarch64]
  kernel:
    description: The oldest kernel that will do.
    type: str
    default: "5.15"
  memory_gib:
    description: Memory that the host must have, in GiB.
    type: float
    default: 0
  disk:
    description: Room that is needed.
    type: dict
    suboptions:
      path:
        description: Where; it need not exist yet.
        type: path
        required: true
      need_gib:
        description: How much, in GiB.
        type: float
        required: true
      present:
        description: Directory whose content is part of O(disk.need_gib), so what lies there is not needed again.
        type: path
  ports:
    description: Ports that must be free, or held by what this collection puts there.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: Number of the port.
        type: int
        required: true
      proto:
        description: Its protocol.
        type: str
        choices: [tcp, udp]
        default: tcp
      purpose:
        description: What needs it, for the message.
        type: str
        required: true
      container:
        description: Container that may publish it already.
        type: str
        default: ""
      processes:
        description: Processes that may listen on it already; V(the kernel) is one.
        type: list
        elements: str
        default: []
      setting:
        description: Variable that moves the service to another port, for the message.
        type: str
        default: ""
  controller_time:
    description: The controller's clock when the task was sent, in seconds since the epoch.
    type: float
  clock_skew:
    description: By how many seconds the clocks may differ.
    type: float
    default: 30
  address:
    description: Address at which the other hosts reach this one; it must be the host's own.
    type: str
  esp:
    description: Encrypted overlay networks are wanted, so the kernel must have IPsec ESP.
    type: bool
    default: false
  accelerators:
    description:
      - What services run on. Their devices must be there, and nobody else may compute on them.
      - On a bare host it is enough that they are on the PCI bus; what only a driver knows is checked once there is one.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: Name of the service.
        type: str
        required: true
      kind:
        description: Kind of accelerator.
        type: str
        choices: [nvidia, gaudi, cpu]
        required: true
      devices:
        description: Indexes of its devices.
        type: list
        elements: int
        default: []
      processes:
        description: With V(cpu), how many processes need a core of their own.
        type: int
        default: 1
      scheme:
        description: By which its model is quantized; not every device runs every scheme.
        type: str
        default: ""
      generation:
        description: The generation that its devices must be of, with V(gaudi); any where it is empty.
        type: str
        choices: ["", g2, g3]
        default: ""
"""

EXAMPLES = r"""
- name: This host can take the gateway
  inference.fleet.host_requirements:
    memory_gib: 2
    ports:
      - {port: 4000, purpose: the gateway, container: gateway-haproxy, setting: gateway_port}
    controller_time: "{{ now(utc=true).timestamp() }}"

- name: This host has the GPUs that its services are described with
  inference.fleet.host_requirements:
    accelerators:
      - {service: vllm-0-hermes, kind: nvidia, devices: [0, 1]}
"""

RETURN = r"""
distribution:
  description: Name of the operating system.
  returned: success
  type: str
  sample: Debian GNU/Linux 13 (trixie)
kernel:
  description: Release of the running kernel.
  returned: success
  type: str
  sample: 6.12.48+deb13-amd64
architecture:
  description: Machine as the kernel names it.
  returned: success
  type: str
  sample: x86_64
memory_gib:
  description: Memory in GiB.
  returned: success
  type: float
  sample: 2015.4
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import FleetError
from ..module_utils.host.preflight import check

PORT = {
    "port": {"type": "int", "required": True},
    "proto": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    "purpose": {"type": "str", "required": True},
    "container": {"type": "str", "default": ""},
    "processes": {"type": "list", "elements": "str", "default": []},
    "setting": {"type": "str", "default": ""},
}
DISK = {
    "path": {"type": "path", "required": True},
    "need_gib": {"type": "float", "required": True},
    "present": {"type": "path"},
}
ACCELERATOR = {
    "service": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["nvidia", "gaudi", "cpu"], "required": True},
    "devices": {"type": "list", "elements": "int", "default": []},
    "processes": {"type": "int", "default": 1},
    "scheme": {"type": "str", "default": ""},
    "generation": {"type": "str", "choices": ["", "g2", "g3"], "default": ""},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "containers": {"type": "bool", "default": True},
            "releases": {
                "type": "list",
                "elements": "str",
                "default": ["debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04"],
            },
            "architectures": {"type": "list", "elements": "str", "default": ["x86_64", "aarch64"]},
            "kernel": {"type": "str", "default": "5.15"},
            "memory_gib": {"type": "float", "default": 0},
            "disk": {"type": "dict", "options": DISK},
            "ports": {"type": "list", "elements": "dict", "default": [], "options": PORT},
            "controller_time": {"type": "float"},
            "clock_skew": {"type": "float", "default": 30},
            "address": {"type": "str"},
            "esp": {"type": "bool", "default": False},
            "accelerators": {"type": "list", "elements": "dict", "default": [], "options": ACCELERATOR},
        },
        supports_check_mode=True,
    )
    try:
        found = check(module.params)
    except FleetError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
