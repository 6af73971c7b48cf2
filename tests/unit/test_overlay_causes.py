# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.docker.overlay_causes import Evidence, explain, why
from ansible_collections.inference.fleet.plugins.module_utils.host.reach import OPEN, REFUSED, SILENT

ALL = {"address": "10.0.1.5", "mtu": 1450, "carried": 1450, "small": True, "full": True, "stream": True}
LOST = {**ALL, "carried": 0, "small": False, "full": False, "stream": False}
UNKNOWN = {**LOST, "address": None}
NARROW = {**ALL, "carried": 1350, "full": False, "stream": False}


def wire(*seen):
    return Counter({tuple(one.split()): 5 for one in seen})


GOSSIP = wire("out gossip", "in gossip")


def evidence(result, *, seen=None, **more):
    return Evidence(result, host="192.0.2.2", wire=seen, overdue=True, **{"looked": 10.0, **more})


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        pytest.param(evidence(UNKNOWN), "the name is not known", id="unknown"),
        pytest.param(evidence(UNKNOWN, member=False), "no container of that host is on the network", id="no member"),
        pytest.param(evidence(UNKNOWN, seen=wire("out gossip")), "comes from it on 7946/udp", id="no gossip in"),
        pytest.param(evidence(UNKNOWN, seen=wire("in gossip")), "leaves this host on 7946/udp", id="no gossip out"),
        pytest.param(evidence(UNKNOWN, seen=GOSSIP), "the name is not known there", id="gossip"),
        pytest.param(evidence(LOST, seen=wire("out ask", "out gossip")), "comes from it on 7946/udp", id="late news"),
        pytest.param(evidence(LOST), "no packet comes back, though the name is known", id="silent, wire not seen"),
        pytest.param(evidence(LOST, seen=GOSSIP), "leaves this host: 4789/udp is blocked by its own", id="not sent"),
        pytest.param(
            evidence(LOST, seen=GOSSIP + wire("out ask", "in ask")), "4789/udp is blocked there", id="not answered"
        ),
        pytest.param(
            evidence(LOST, seen=GOSSIP + wire("out ask", "in answer")), "by this host's own firewall", id="not let in"
        ),
        pytest.param(evidence(LOST, seen=GOSSIP + wire("out ask", "in vxlan")), "nothing serves there", id="no anchor"),
        pytest.param(evidence(LOST, member=False), "the name is stale: it resolves to 10.0.1.5", id="stale"),
        pytest.param(evidence(LOST, encrypted=True), "no packet comes back", id="encrypted, wire not seen"),
        pytest.param(evidence(LOST, encrypted=True, seen=GOSSIP), "nothing that is encrypted leaves", id="no ESP out"),
        pytest.param(
            evidence(LOST, encrypted=True, seen=GOSSIP + wire("out esp")),
            "ESP leaves this host and none comes back",
            id="no ESP in",
        ),
        pytest.param(
            evidence(LOST, encrypted=True, seen=GOSSIP + wire("out esp", "in esp")),
            "4789/udp once it is decrypted",
            id="ESP",
        ),
        pytest.param(evidence(NARROW), "MTU mismatch: packets of up to 1350 bytes arrive, those of 1450", id="narrow"),
        pytest.param(
            evidence(NARROW, link_mtu=1400), "this host's link towards it carries no more than 1400", id="own"
        ),
        pytest.param(evidence({**NARROW, "carried": 0}), "small packets arrive, those of 1450", id="very narrow"),
        pytest.param(evidence({**ALL, "stream": False}), "a TCP stream stalls", id="only streams stall"),
        pytest.param(
            evidence(ALL, ports={"2377/tcp": SILENT, "7946/tcp": OPEN}), "2377/tcp is blocked: no answer", id="port"
        ),
        pytest.param(
            evidence(LOST, ports={"2377/tcp": REFUSED, "7946/tcp": REFUSED}),
            "2377/tcp and 7946/tcp are refused: nothing listens there, or it is blocked and its name is stale: nobody",
            id="no engine, stale name",
        ),
        pytest.param(evidence(UNKNOWN, ports={"7946/tcp": "No route to host"}), "(No route to host)", id="no route"),
        pytest.param(
            evidence(UNKNOWN, down=True, ports={"7946/tcp": OPEN}), "as down, though 7946/tcp there is open", id="down"
        ),
        pytest.param(
            evidence(UNKNOWN, down=True, ports={"7946/tcp": SILENT}), "as down, and 7946/tcp is blocked", id="gone"
        ),
        pytest.param(evidence({**ALL, "encrypted": False}, encrypted=True), "in clear text on 4789/udp", id="clear"),
    ],
)
def test_causes(seen, words):
    assert words in why(seen)[0]
    assert not seen.sound


def test_what_a_link_must_carry_grows_with_encryption():
    assert "must carry 1500 bytes" in why(evidence(NARROW))[1]
    assert "must carry 1500 bytes" in why(evidence({**NARROW, "mtu": 1424}, encrypted=True))[1]


def test_what_to_set_is_what_was_measured():
    assert "overlay_mtu to what it carries (1400)" in why(evidence(NARROW))[1]


def test_peers_of_one_cause_are_named_together():
    narrow = evidence(NARROW)
    cause, step = explain({"b": narrow, "c": replace(narrow, host=""), "d": evidence(UNKNOWN)})
    assert cause.startswith("b (192.0.2.2), c: MTU mismatch")
    assert "; d (192.0.2.2): the name is not known" in cause
    assert step.count("overlay_mtu") == 1


def test_gossip_is_asserted_where_it_is_wanted():
    called = GOSSIP + Counter({("in", "call"): 6, ("out", "call"): 6})
    assert evidence(ALL, seen=called, looked=10).sound
    assert evidence(ALL, seen=GOSSIP, looked=10, gossip=True).sound
    blocked = evidence(ALL, seen=called, looked=10, gossip=True)
    assert not blocked.sound
    assert "over 7946/udp: one of the hosts blocks it" in why(blocked)[0]


def test_a_node_that_is_down_while_packets_arrive_is_no_loss():
    assert evidence(ALL, down=True).sound
