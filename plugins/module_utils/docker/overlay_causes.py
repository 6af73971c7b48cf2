# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why packets do not cross an overlay network as they should: a cause and a next step, from what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..host.reach import OPEN, REFUSED, SILENT
from ..host.wire import Seen

GOSSIP, CONTROL = "7946/tcp", "2377/tcp"
VXLAN, ESP = 50, 26  # bytes that the overlay, and its encryption, add to each packet

Explanation = tuple[str, str]  # cause and next step


@dataclass(frozen=True)
class Evidence:
    """All that was seen of one peer."""

    result: Mapping[str, Any]  # what the anchor found
    encrypted: bool = False  # whether the network is to be
    host: str = ""  # address of its host; empty where it is not known, and then nothing below is
    ports: Mapping[str, str] = field(default_factory=dict)  # state by port
    wire: Seen | None = None  # what passed between the hosts; None: not seen
    looked: float = 0.0  # for how many seconds
    overdue: bool = False  # whether that was long enough for swarm to have sent something over 7946/udp both ways
    gossip: bool = False  # whether it must have
    member: bool = True  # whether this host's engine knows its host as one of the network
    down: bool = False  # whether swarm lists its node as down
    link_mtu: int = 0  # bytes; 0: not known

    @property
    def closed(self) -> dict[str, str]:
        """The ports that take no connections."""
        return {port: state for port, state in self.ports.items() if state != OPEN}

    @property
    def arrived(self) -> bool:
        """Whether all packets did, whatever else is wrong."""
        return bool(self.result["full"] and self.result["stream"])

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        in_clear = self.encrypted and self.result.get("encrypted") is False
        return self.arrived and not self.closed and not in_clear and not (self.gossip and _gossip(self))


def explain(evidence: Mapping[str, Evidence]) -> Explanation:
    """Cause and next step for all peers, those of the same cause together."""
    found: dict[Explanation, list[str]] = {}
    for peer, seen in evidence.items():
        found.setdefault(why(seen), []).append(f"{peer} ({seen.host})" if seen.host else peer)
    causes = "; ".join(f"{', '.join(peers)}: {cause}" for (cause, _step), peers in found.items())
    return causes, " ".join(dict.fromkeys(step for _cause, step in found))


def why(seen: Evidence) -> Explanation:
    """The most thorough cause for one peer."""
    if seen.down and not seen.arrived:
        return _down(seen)
    if seen.closed:
        return _closed(seen)
    if seen.result["address"] is None:
        return _unknown(seen)
    if not seen.result["small"]:
        return _silent(seen)
    if not seen.result["full"]:
        return _narrow(seen)
    if not seen.result["stream"]:
        return (
            "single packets arrive, a TCP stream stalls",
            "Some network cards break VXLAN's checksums: try `ethtool -K <card> tx-checksum-ip-generic off`.",
        )
    if seen.gossip and (silence := _gossip(seen)):
        return silence
    return (
        "the network is encrypted, yet its packets cross in clear text on 4789/udp",
        "Something removed the engine's rules or associations: restart docker.service on both hosts.",
    )


def _down(seen: Evidence) -> Explanation:
    if seen.ports.get(GOSSIP) == OPEN:
        return (
            f"swarm lists its node as down, though {GOSSIP} there is open",
            f"Open {CONTROL} of every manager to that host, and look at `journalctl -u docker` there.",
        )
    return (
        f"swarm lists its node as down{_stale(seen)}, and {_states(seen.closed) or 'its ports were not looked at'}",
        "Start docker.service there; of a machine that is gone, take the host out of the inventory and run "
        "`docker node rm` for its node.",
    )


def _closed(seen: Evidence) -> Explanation:
    if REFUSED in seen.closed.values():
        step = "Is docker.service running there? If so, a firewall rejects what it should let through."
    else:
        step = f"Open {_all(seen.closed)} between the hosts; is that host up at all?"
    return f"{_states(seen.closed)}{'' if seen.arrived else _stale(seen)}", step


def _unknown(seen: Evidence) -> Explanation:
    if silence := _gossip(seen):
        return f"the name is not known; {silence[0]}", silence[1]
    return (
        "the name is not known there" if seen.member else "no container of that host is on the network",
        "Is overlay-anchor.service running on that host, and are 7946/tcp and 7946/udp open between the hosts?",
    )


def _gossip(seen: Evidence) -> Explanation | None:
    """Swarm's news of who is where; without it they are late, not lost, as hosts fall back to 7946/tcp now and then."""
    if seen.wire is None or not seen.overdue:
        return None
    step = "Open 7946/udp between the hosts, both ways."
    if not seen.wire["out", "gossip"]:
        return "nothing leaves this host on 7946/udp: its own firewall blocks it", step
    if not seen.wire["in", "gossip"]:
        return "nothing comes from it on 7946/udp: it is blocked there or on the way", step
    if seen.wire["in", "call"] + seen.wire["out", "call"] >= seen.looked:  # a few a minute are usual
        return "swarm asks over 7946/tcp what was not answered over 7946/udp: one of the hosts blocks it", step
    return None


def _silent(seen: Evidence) -> Explanation:
    wire = seen.wire
    if not seen.member:
        return (
            f"the name is stale: it resolves to {seen.result['address']}, but that host is no longer on the network",
            "Is overlay-anchor.service running on that host?",
        )
    if silence := _gossip(seen):
        return f"no packet comes back, though the name is known; {silence[0]}", silence[1]
    if seen.encrypted:
        return _silent_encrypted(seen)
    if wire is None:
        return "no packet comes back, though the name is known", "Is 4789/udp open?"
    if wire["in", "answer"]:
        return (
            "its answers reach this host, which drops them: 4789/udp is blocked by this host's own firewall",
            "Open 4789/udp on this host.",
        )
    if not wire["out", "ask"]:
        return (
            "no packet for it leaves this host: 4789/udp is blocked by its own firewall",
            "Open 4789/udp on this host, outgoing too.",
        )
    if wire["in", "vxlan"] and not wire["in", "ask"]:
        return (
            "packets of the network come from it, but none is an answer: nothing serves there",
            "Look at `journalctl -u overlay-anchor` and `docker logs` of the anchor on that host.",
        )
    return (
        "the name is known and packets leave this host, but none is answered: 4789/udp is blocked there or on the way",
        "Open 4789/udp between the hosts, both ways.",
    )


def _silent_encrypted(seen: Evidence) -> Explanation:
    wire = seen.wire
    need = "Open IP protocol 50 (ESP) and 4789/udp between the hosts; does that host's kernel have ESP?"
    if wire is None:
        return "no packet comes back, though the name is known", need
    if not wire["out", "esp"]:
        return (
            "nothing that is encrypted leaves this host",
            "Look at `ip xfrm state` and `journalctl -u docker`: the engine sets up ESP when a peer joins.",
        )
    if not wire["in", "esp"]:
        return (
            "ESP leaves this host and none comes back: IP protocol 50, or 4789/udp once it is decrypted, is blocked "
            "there or on the way",
            need,
        )
    return (
        "ESP crosses both ways, but what is in it is not delivered: a firewall blocks IP protocol 50, or 4789/udp once "
        "it is decrypted, or the hosts' keys differ",
        "Open both on both hosts; then restart docker.service on both.",
    )


def _narrow(seen: Evidence) -> Explanation:
    mtu, carried = seen.result["mtu"], seen.result.get("carried", 0)
    extra = VXLAN + (ESP if seen.encrypted else 0)
    upto = f"packets of up to {carried} bytes" if carried else "small packets"
    cause = f"MTU mismatch: {upto} arrive, those of {mtu} bytes are lost"
    if 0 < seen.link_mtu < mtu + extra:
        cause += f"; this host's link towards it carries no more than {seen.link_mtu}"
    measured = f" ({carried + extra})" if carried else ""
    return (
        cause,
        f"The link must carry {mtu + extra} bytes; else set overlay_mtu to what it carries{measured} and create the "
        "network anew.",
    )


def _stale(seen: Evidence) -> str:
    address = seen.result["address"]
    return f" and its name is stale: nobody answers at {address}" if address and not seen.result["small"] else ""


def _states(closed: Mapping[str, str]) -> str:
    words = {REFUSED: "refused: nothing listens there, or it is blocked", SILENT: "blocked: no answer"}
    by_state: dict[str, list[str]] = {}
    for port, state in closed.items():
        by_state.setdefault(words.get(state, f"not reached ({state})"), []).append(port)
    return ", ".join(f"{_all(ports)} {'is' if len(ports) == 1 else 'are'} {word}" for word, ports in by_state.items())


def _all(ports: Iterable[str]) -> str:
    return " and ".join(ports)
