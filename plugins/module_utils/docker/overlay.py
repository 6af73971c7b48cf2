# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that packets cross an overlay network from this host's anchor to every other and back, or why they do not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ..errors import FleetError
from ..host.esp import probe_esp
from ..host.units import why_it_failed
from .api import engine_get
from .cli import docker
from .engine import parse_networks

PROGRAM = "/usr/local/lib/inference.fleet/overlay_anchor.py"
FIRST_ROUND = 4.0  # seconds; then what stops all packets for good is looked for before waiting longer
SLACK = 20.0  # seconds that the probe may take beyond what it was given
VXLAN = 50  # bytes that the overlay adds to each packet

Results = dict[str, dict[str, Any]]


def prove(network: str, anchor: str, peers: Sequence[str], seconds: float) -> Results:
    """What became of packets to each of ``peers``; raises FleetError unless all of them arrived within ``seconds``."""
    attempted = f"Failed to prove that packets cross the overlay network {network} from {anchor}"
    encrypted = _is_encrypted(network, attempted)
    results = _probe(anchor, peers, min(FIRST_ROUND, seconds), attempted)
    lost = lost_in(results)
    if lost and encrypted and (esp := probe_esp()).supported is False:
        raise FleetError(
            attempted,
            f"the network is encrypted and {esp.reason}, so nothing reaches {', '.join(lost)}",
            "Boot a kernel that has it, or remove the network and set overlay_encrypted: false.",
        )
    if lost and seconds > FIRST_ROUND:
        results.update(_probe(anchor, lost, seconds - FIRST_ROUND, attempted))
        lost = lost_in(results)
    if lost:
        raise FleetError(attempted, *explain({peer: results[peer] for peer in lost}, encrypted))
    return results


def lost_in(results: Results) -> list[str]:
    """The peers that not everything reached."""
    return [peer for peer, result in results.items() if not (result["full"] and result["stream"])]


def explain(lost: Results, encrypted: bool) -> tuple[str, str]:
    """Cause and next step for the first kind of loss that is found, the most thorough one first."""
    unknown = [peer for peer, result in lost.items() if result["address"] is None]
    if unknown:
        return (
            f"{', '.join(unknown)}: the name is not known there",
            "Is overlay-anchor.service running on that host, and are 7946/tcp and 7946/udp open between the hosts?",
        )
    silent = [peer for peer, result in lost.items() if not result["small"]]
    if silent:
        need = "IP protocol 50 (ESP) open, and ESP in that host's kernel?" if encrypted else "4789/udp open?"
        return (f"{', '.join(silent)}: no packet comes back, though the name is known", f"Is {need}")
    narrow = {peer: result for peer, result in lost.items() if not result["full"]}
    if narrow:
        mtu = max(result["mtu"] for result in narrow.values())
        return (
            f"{', '.join(narrow)}: small packets arrive, those of {mtu} bytes are lost",
            f"The link must carry {mtu + VXLAN} bytes; else set overlay_mtu to its MTU and create the network anew.",
        )
    return (
        f"{', '.join(lost)}: single packets arrive, a TCP stream stalls",
        "Some network cards break VXLAN's checksums: try `ethtool -K <card> tx-checksum-ip-generic off`.",
    )


def _is_encrypted(network: str, attempted: str) -> bool:
    try:
        found = engine_get(f"/networks/{quote(network)}")
    except FleetError as error:
        raise _no_anchor(attempted, error.cause) from error
    if found is None:
        raise FleetError(attempted, "no Docker engine answers", "Look at `journalctl -u docker`.")
    return bool(parse_networks([found])[found["Name"]]["encrypted"])


def _probe(anchor: str, peers: Sequence[str], seconds: float, attempted: str) -> Results:
    request = json.dumps({"peers": list(peers), "seconds": seconds})
    command = ("exec", "--interactive", anchor, "python3", "-I", "-S", PROGRAM, "probe")
    try:
        answer = docker(*command, attempted=attempted, stdin=request, timeout=seconds + SLACK)
    except FleetError as error:
        raise _no_anchor(attempted, error.cause) from error
    results: Results = json.loads(answer)
    return results


def _no_anchor(attempted: str, cause: str) -> FleetError:
    journal = why_it_failed("overlay-anchor.service")
    return FleetError(
        attempted, f"{cause}; overlay-anchor.service says: {journal}", "Run the role inference.fleet.overlay."
    )
