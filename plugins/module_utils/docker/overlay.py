# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof that packets cross an overlay network from this host's anchor to every other and back, or why they do not."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from ..errors import FleetError
from ..host.esp import probe_esp
from ..host.reach import link_mtu, reach
from ..host.units import observe_units, why_it_failed
from ..host.wire import Seen, Wire
from .api import engine_get
from .cli import docker
from .engine import parse_networks, parse_swarm
from .overlay_causes import Evidence, explain

PROGRAMS = "/usr/local/lib/inference.fleet"
UNIT = "overlay-anchor.service"
GOSSIP, CONTROL = 7946, 2377
FIRST_ROUND = 4.0  # seconds; then what stops all packets for good is looked for before waiting longer
GOSSIP_WITHIN = 8.0  # seconds; every second each host asks another one, in turn, whether it lives
SLACK = 20.0  # seconds that a program in the anchor may take beyond what it was given
STREAMS = 8.0  # seconds that measuring one peer takes at most

Results = dict[str, dict[str, Any]]


class NoAnchorError(FleetError):
    """There is nothing on the network to look from."""


@dataclass(frozen=True)
class Vantage:
    """What this host's engine knows of the network."""

    address: str  # of this host in the swarm
    managers: tuple[str, ...]  # addresses
    members: tuple[str, ...]  # addresses of the hosts that have a container on the network
    encrypted: bool
    vni: int | None  # VXLAN id


@dataclass(frozen=True)
class Proof:
    """What is to be proven: that ``anchor`` reaches ``peers``, whose hosts have ``addresses``."""

    network: str
    anchor: str
    peers: Sequence[str]
    addresses: Mapping[str, str]
    gossip: bool = False  # whether to listen until swarm's gossip must have crossed, and to fail where it does not

    @property
    def attempted(self) -> str:
        """In words."""
        return f"Failed to prove that packets cross the overlay network {self.network} from {self.anchor}"


def prove(proof: Proof, seconds: float, *, throughput: bool = False) -> Results:
    """What became of packets to each peer; raises FleetError unless all is sound within ``seconds``."""
    deadline = time.monotonic() + seconds
    evidence = _first_look(proof, min(FIRST_ROUND, seconds), deadline)
    unsound = _unsound(evidence)
    lost = [peer for peer in unsound if not evidence[peer].arrived]
    if lost and evidence[lost[0]].encrypted and (esp := probe_esp()).supported is False:
        raise FleetError(
            proof.attempted,
            f"the network is encrypted and {esp.reason}, so nothing reaches {', '.join(lost)}",
            "Boot a kernel that has it, or remove the network and set overlay_encrypted: false.",
        )
    if unsound and (left := deadline - time.monotonic()) > 0:
        evidence.update(_look(proof, unsound, left))
        unsound = _unsound(evidence)
    if unsound:
        down = _nodes_down()
        raise FleetError(
            proof.attempted,
            *explain({peer: replace(evidence[peer], down=evidence[peer].host in down) for peer in unsound}),
        )
    results = {peer: dict(seen.result) for peer, seen in evidence.items()}
    if throughput and results:
        _measure(proof, results)
    return results


def verdict(seen: Seen | None, reason: str) -> dict[str, Any]:
    """Whether what was ``seen`` between two hosts is encrypted, and in words what it was or why nothing was."""
    if seen is None:
        return {"encrypted": None, "wire": f"not looked: {reason}"}
    if any(seen[way, kind] for way in ("in", "out") for kind in ("ask", "answer", "vxlan")):
        return {"encrypted": False, "wire": "VXLAN in clear text"}
    if seen["in", "esp"] and seen["out", "esp"]:
        return {"encrypted": True, "wire": "ESP both ways, no VXLAN in clear text"}
    if seen["in", "esp"] or seen["out", "esp"]:
        return {"encrypted": None, "wire": f"ESP {'in' if seen['in', 'esp'] else 'out'} only"}
    return {"encrypted": None, "wire": "nothing of the network was seen on this host's interfaces"}


def _first_look(proof: Proof, seconds: float, deadline: float) -> dict[str, Evidence]:
    """One round of ``seconds``, once there is an anchor: it comes back some seconds after the engine."""
    while True:
        try:
            return _look(proof, proof.peers, seconds)
        except NoAnchorError:
            unit = observe_units([UNIT]).get(UNIT, {})
            if unit.get("state") not in ("activating", "active") or time.monotonic() > deadline:
                raise
        time.sleep(1)


def _look(proof: Proof, peers: Sequence[str], seconds: float) -> dict[str, Evidence]:
    """One round: packets through the overlay, connections beside it, and the wire below it."""
    vantage = _vantage(proof)
    hosts = {peer: proof.addresses.get(peer, "") for peer in peers}
    ports = {(host, GOSSIP) for host in hosts.values() if host}
    ports |= {(host, CONTROL) for host in hosts.values() if host in vantage.managers}
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=1) as pool, Wire(vantage.address, vantage.vni) as wire:
        reached = pool.submit(reach, ports, seconds)
        results = _probe(proof, peers, seconds)
        due = max(GOSSIP_WITHIN, len(vantage.members))
        if proof.gossip and not wire.reason:
            time.sleep(max(0.0, began + due - time.monotonic()))
        looked = time.monotonic() - began
    states = reached.result()
    evidence = {}
    for peer, host in hosts.items():
        seen = wire.between(host) if host else None
        evidence[peer] = Evidence(
            result={**results[peer], **verdict(seen, wire.reason or "the address of its host was not given")},
            encrypted=vantage.encrypted,
            host=host,
            ports={f"{port}/tcp": state for (address, port), state in states.items() if address == host},
            wire=seen,
            looked=looked,
            overdue=looked >= due,
            gossip=proof.gossip,
            member=not host or host in vantage.members,
            link_mtu=link_mtu(host) if host else 0,
        )
    return evidence


def _unsound(evidence: Mapping[str, Evidence]) -> list[str]:
    return [peer for peer, seen in evidence.items() if not seen.sound]


def _vantage(proof: Proof) -> Vantage:
    try:
        found = engine_get(f"/networks/{quote(proof.network)}")
        info = engine_get("/info")
    except FleetError as error:
        raise _no_anchor(proof.attempted, error.cause) from error
    if found is None or info is None:
        raise FleetError(proof.attempted, "no Docker engine answers", "Look at `journalctl -u docker`.")
    swarm = parse_swarm(info)
    vni = (found.get("Options") or {}).get("com.docker.network.driver.overlay.vxlanid_list", "").split(",")[0]
    return Vantage(
        address=swarm["node_addr"],
        managers=tuple(swarm["managers"]),
        members=tuple(peer["IP"] for peer in found.get("Peers") or []),
        encrypted=bool(parse_networks([found])[found["Name"]]["encrypted"]),
        vni=int(vni) if vni.isdigit() else None,
    )


def _nodes_down() -> set[str]:
    """Addresses that swarm has no live node for; only a manager knows."""
    try:
        nodes = engine_get("/nodes")
    except FleetError:
        return set()
    states = [(node["Status"].get("Addr", ""), node["Status"]["State"]) for node in nodes or []]
    return {address for address, state in states if state == "down"} - {
        address for address, state in states if state == "ready"
    }


def _probe(proof: Proof, peers: Sequence[str], seconds: float) -> Results:
    results: Results = _run(proof, "overlay_crossing.py", {"peers": list(peers), "seconds": seconds}, seconds + SLACK)
    return results


def _measure(proof: Proof, results: Results) -> None:
    """Add how fast a stream to and from each peer is."""
    addresses = [result["address"] for result in results.values()]
    rates = _run(proof, "overlay_throughput.py", {"addresses": addresses}, len(addresses) * STREAMS + SLACK)
    for result in results.values():
        result.update(rates[result["address"]])


def _run(proof: Proof, program: str, request: dict[str, Any], timeout: float) -> Any:
    # Not -I, which would keep a program from importing the one beside it.
    command = ("exec", "--interactive", proof.anchor, "python3", "-E", "-s", "-S", f"{PROGRAMS}/{program}")
    try:
        answer = docker(*command, attempted=proof.attempted, stdin=json.dumps(request), timeout=timeout)
    except FleetError as error:
        raise _no_anchor(proof.attempted, error.cause) from error
    return json.loads(answer)


def _no_anchor(attempted: str, cause: str) -> NoAnchorError:
    return NoAnchorError(
        attempted, f"{cause}; {UNIT} says: {why_it_failed(UNIT)}", "Run the role inference.fleet.overlay."
    )
