# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket
import struct
import threading
from collections import Counter

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.docker.overlay import verdict
from ansible_collections.inference.fleet.plugins.module_utils.host.reach import OPEN, REFUSED, link_mtu, reach
from ansible_collections.inference.fleet.plugins.module_utils.host.wire import PROBE_PORT, Wire, classify

HERE, THERE = "192.0.2.1", "192.0.2.2"
VNI = 4097


def ip(protocol, payload, source=HERE, destination=THERE, *, fragment=0):
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0) + addresses + payload


def udp(payload, destination, source=40000):
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(destination, flags):
    return struct.pack("!HHIIBB", 40000, destination, 0, 0, 0x50, flags) + bytes(6)


def vxlan(inner, vni=VNI):
    return udp(struct.pack("!II", 0x08000000, vni << 8) + bytes(12) + b"\x08\x00" + inner, 4789)


ASKED = ip(17, udp(b"?12345678", PROBE_PORT), "10.0.1.2", "10.0.1.3")
ANSWERED = ip(17, udp(b"!12345678", 40000, source=PROBE_PORT), "10.0.1.3", "10.0.1.2")
STREAMED = ip(6, bytes(40), "10.0.1.2", "10.0.1.3")
ESP = struct.pack("!II", 0x101, 1) + os.urandom(60)


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        pytest.param(ip(50, ESP), "esp", id="ESP"),
        pytest.param(ip(17, vxlan(ASKED)), "ask", id="a question"),
        pytest.param(ip(17, vxlan(ANSWERED)), "answer", id="an answer"),
        pytest.param(ip(17, vxlan(STREAMED)), "vxlan", id="a stream"),
        pytest.param(ip(17, vxlan(b"\x60" + bytes(60))), "vxlan", id="what is not IPv4"),
        pytest.param(ip(17, vxlan(ASKED)[:54]), "vxlan", id="a packet that is cut short"),
        pytest.param(ip(17, udp(bytes(50), 7946)), "gossip", id="gossip"),
        pytest.param(ip(17, vxlan(ASKED, vni=4098)), None, id="another network"),
        pytest.param(ip(17, udp(b"", 53)), None, id="another port"),
        pytest.param(ip(6, tcp(7946, 0x02)), "call", id="a connection to gossip's port"),
        pytest.param(ip(6, tcp(7946, 0x12)), None, id="one that is taken"),
        pytest.param(ip(6, tcp(4789, 0x02)), None, id="another connection"),
        pytest.param(ip(6, b""), None, id="TCP that is cut short"),
        pytest.param(ip(17, vxlan(ASKED), fragment=10), None, id="a later fragment"),
        pytest.param(ip(17, vxlan(ASKED), fragment=0x2000), "ask", id="a first fragment"),
        pytest.param(b"\x60" + bytes(60), None, id="IPv6"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_packets_are_told_apart(packet, kind):
    assert classify(packet, VNI) == ((HERE, THERE, kind) if kind else None)


def counted(*packets):
    wire = Wire(HERE, VNI)
    for packet in packets:
        wire.count(packet)
    return wire.between(THERE)


def test_directions_are_told_apart_and_other_hosts_are_left_out():
    seen = counted(
        ip(50, ESP),
        ip(50, ESP, THERE, HERE),
        ip(50, ESP, THERE, HERE),
        ip(50, ESP, "192.0.2.3", HERE),
        ip(50, ESP, "192.0.2.3", THERE),
    )
    assert seen == Counter({("out", "esp"): 1, ("in", "esp"): 2})


@pytest.mark.parametrize(
    ("packets", "encrypted"),
    [
        pytest.param([ip(50, ESP), ip(50, ESP, THERE, HERE)], True, id="ESP both ways"),
        pytest.param([ip(50, ESP)], None, id="ESP one way"),
        pytest.param([ip(17, vxlan(ASKED)), ip(17, vxlan(ANSWERED), THERE, HERE)], False, id="clear text"),
        pytest.param([ip(50, ESP), ip(50, ESP, THERE, HERE), ip(17, vxlan(STREAMED))], False, id="both"),
        pytest.param([ip(50, ESP), ip(50, ESP, THERE, HERE), ip(17, vxlan(ASKED, vni=5))], True, id="another in clear"),
        pytest.param([ip(17, udp(bytes(50), 7946))], None, id="nothing but gossip"),
    ],
)
def test_encryption_is_judged_by_what_was_seen(packets, encrypted):
    assert verdict(counted(*packets), "")["encrypted"] is encrypted


@pytest.mark.parametrize(("local", "vni"), [("", VNI), ("fd00::1", VNI), (HERE, None)])
def test_what_cannot_be_looked_at_says_why(local, vni):
    with Wire(local, vni) as wire:
        pass
    assert wire.between(THERE) is None
    assert wire.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="capturing needs root")
def test_a_capture_sees_what_leaves_and_the_filter_lets_nothing_else_in():
    with Wire("127.0.0.1", VNI) as wire, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(vxlan(ASKED)[8:], ("127.0.0.1", 4789))
        sender.sendto(b"." * 100, ("127.0.0.1", 9))
    seen = wire.between("127.0.0.1")
    if seen is None:
        pytest.skip(wire.reason)
    assert seen["out", "ask"] >= 1
    assert set(seen) == {("out", "ask")}


def test_open_and_refused_ports_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        threading.Thread(target=server.accept, daemon=True).start()
        listening, other = server.getsockname(), closed.getsockname()
        assert reach([listening, other], 0.1) == {listening: OPEN, other: REFUSED}


def test_no_ports_are_no_question():
    assert reach([], 5) == {}


def test_the_mtu_of_a_link():
    assert link_mtu("127.0.0.1") > 1500
    assert link_mtu("not an address") == 0
