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
  - Given O(addresses), connects to 7946/tcp of each peer's host and to 2377/tcp of those that manage the swarm, and
    looks, while its own packets flow, at what crosses this host's interfaces. An encrypted network must cross as ESP,
    with nothing of it in clear text on 4789/udp.
  - Fails where something is lost, closed or in clear text, and says why. Causes it tells apart are a blocked port
    (2377/tcp, 7946/tcp, 7946/udp, 4789/udp, IP protocol 50), a link with a smaller MTU, a kernel without ESP, and a
    stale peer, which swarm lists as down or whose name resolves to an address at which nobody answers.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
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
  addresses:
    description:
      - Address of each peer's host in the swarm, by name of its anchor. Names that are not in O(peers) do no harm.
      - Of a peer that it lacks, neither ports nor wire are looked at.
    type: dict
    default: {}
  gossip:
    description:
      - Listen, for 8 s or a second per host of the network if that is longer, for swarm's gossip on 7946/udp, and fail
        where it does not cross. Needs O(addresses).
      - Packets cross without it, but what starts or moves is known to the other hosts only up to half a minute later.
    type: bool
    default: false
  throughput:
    description:
      - Measure a TCP stream to and from each peer, one after the other, for at most 0.3 s or 32 MiB each.
      - Never a reason to fail. Hosts that are measured at the same time share their links.
    type: bool
    default: false
  timeout:
    description: For how many seconds to wait for packets. What makes waiting pointless ends it sooner.
    type: float
    default: 30
notes:
  - Looking at the wire needs root and a Linux kernel with packet sockets, as all Debian's have.
"""

EXAMPLES = r"""
- name: Packets cross the overlay network
  inference.fleet.overlay_probe:
    network: fleet
    anchor: overlay-anchor-gpu-a
    peers: [overlay-anchor-gpu-b]

- name: They are encrypted, no port is blocked, and this is how fast they are
  inference.fleet.overlay_probe:
    network: fleet
    anchor: overlay-anchor-gpu-a
    peers: [overlay-anchor-gpu-b]
    addresses:
      overlay-anchor-gpu-b: 192.0.2.12
    throughput: true
"""

RETURN = r"""
peers:
  description: What arrived, by peer.
  returned: success
  type: dict
  contains:
    address:
      description: The peer's address on the network.
      type: str
    mtu:
      description: The network's MTU in bytes.
      type: int
    carried:
      description: Size in bytes of the largest packet that came back.
      type: int
    small:
      description: Whether a datagram came back.
      type: bool
    full:
      description: Whether one of the whole MTU did, not fragmented.
      type: bool
    stream:
      description: Whether a TCP stream came back whole.
      type: bool
    rtt_ms:
      description: Round trip of a full-size datagram.
      type: float
    encrypted:
      description:
        - Whether packets crossed this host's interfaces as ESP and none in clear text. Null where that was not seen.
      type: bool
    wire:
      description: What was seen there, or why nothing was.
      type: str
    mb_per_s_to:
      description: Throughput to the peer, in MB/s of 10^6 bytes. Null where the stream broke.
      type: float
      returned: with O(throughput)
    mb_per_s_from:
      description: Throughput from the peer.
      type: float
      returned: with O(throughput)
  sample:
    overlay-anchor-gpu-b:
      address: 10.0.1.5
      mtu: 1424
      carried: 1424
      small: true
      full: true
      stream: true
      rtt_ms: 0.412
      encrypted: true
      wire: ESP both ways, no VXLAN in clear text
      mb_per_s_to: 1108.3
      mb_per_s_from: 1096.7
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker.overlay import Proof, prove
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "network": {"type": "str", "required": True},
            "anchor": {"type": "str", "required": True},
            "peers": {"type": "list", "elements": "str", "required": True},
            "addresses": {"type": "dict", "default": {}},
            "gossip": {"type": "bool", "default": False},
            "throughput": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 30},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    proof = Proof(wanted["network"], wanted["anchor"], wanted["peers"], wanted["addresses"], wanted["gossip"])
    try:
        peers = prove(proof, wanted["timeout"], throughput=wanted["throughput"])
    except FleetError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, peers=peers)


if __name__ == "__main__":
    main()
