#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that full-size packets cross an overlay network."""

from __future__ import annotations

DOCUMENTATION = r"""
module: overlay_probe
short_description: Prove that full-size packets cross an overlay network
description:
  - Sends, from this host's anchor to every peer's and back, a datagram of the network's whole MTU that may not be
    fragmented, and a TCP stream of many packets.
  - Says what is lost and why, such as an encrypted network on a kernel without ESP, a closed port, a link with a
    smaller MTU or a peer that is not there.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: N/A
    description: Changes nothing.
options:
  network:
    description: Name of the overlay network.
    type: str
    required: true
  anchor:
    description: Name of this host's anchor.
    type: str
    required: true
  peers:
    description: Names of the other hosts' anchors.
    type: list
    elements: str
    required: true
  timeout:
    description: For how many seconds to wait for packets. What makes waiting pointless ends it sooner.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Packets cross the overlay network
  inference.fleet.overlay_probe:
    network: fleet
    anchor: overlay-anchor-gpu-a
    peers: [overlay-anchor-gpu-b]
"""

RETURN = r"""
peers:
  description: What arrived, by peer.
  returned: success
  type: dict
  sample: {overlay-anchor-gpu-b: {address: 10.0.1.5, mtu: 1450, small: true, full: true, stream: true}}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker.overlay import prove
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "network": {"type": "str", "required": True},
            "anchor": {"type": "str", "required": True},
            "peers": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 30},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        peers = prove(wanted["network"], wanted["anchor"], wanted["peers"], wanted["timeout"])
    except FleetError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, peers=peers)


if __name__ == "__main__":
    main()
