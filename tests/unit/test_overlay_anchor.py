# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import socket
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

PROGRAMS = Path(__file__).parents[2] / "roles/overlay/files"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def anchor(monkeypatch):
    """The anchor's programs, on ports of their own on loopback."""
    monkeypatch.syspath_prepend(str(PROGRAMS))
    names = ("overlay_throughput", "overlay_anchor", "overlay_crossing")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    throughput, serving, crossing = (importlib.import_module(name) for name in names)
    throughput.PORT = free_port()
    serving.PORT = crossing.PORT = free_port()
    yield SimpleNamespace(serve=serving.serve, crossing=crossing, throughput=throughput)
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def peer(anchor):
    """The address of an anchor that serves."""
    threading.Thread(target=anchor.serve, args=("127.0.0.1",), daemon=True).start()
    deadline = time.monotonic() + 5
    for port in (anchor.crossing.PORT, anchor.throughput.PORT):
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < deadline:
            time.sleep(0.01)
    return "127.0.0.1"


def test_full_size_datagrams_and_a_stream_cross(anchor, peer):
    result = anchor.crossing.probe([peer], 5)[peer]
    assert (result["full"], result["stream"], result["address"]) == (True, True, "127.0.0.1")
    assert result["mtu"] == result["carried"] == anchor.crossing.mtu_towards(peer)
    assert 0 < result["rtt_ms"] < 5000


def test_a_peer_that_does_not_answer_is_given_up_in_time(anchor):
    began = time.monotonic()
    result = anchor.crossing.probe(["127.0.0.1"], 1)["127.0.0.1"]
    assert (result["small"], result["full"], result["stream"], result["rtt_ms"]) == (False, False, False, None)
    assert time.monotonic() - began < 4


def test_an_unknown_name_has_no_address(anchor):
    assert anchor.crossing.probe(["no-such-host.invalid"], 0.2)["no-such-host.invalid"] == anchor.crossing.nothing()


def test_how_narrow_a_link_is_shows(anchor, peer, monkeypatch):
    class Narrow(socket.socket):
        def send(self, data):
            return len(data) if len(data) + anchor.crossing.HEADERS > 1350 else super().send(data)

    monkeypatch.setattr(anchor.crossing, "datagram_socket", lambda: Narrow(socket.AF_INET, socket.SOCK_DGRAM))
    monkeypatch.setattr(anchor.crossing, "mtu_towards", lambda _address: 1450)
    result = anchor.crossing.probe([peer], 1)[peer]
    assert (result["small"], result["full"], result["carried"]) == (True, False, 1350)


def test_throughput_is_measured_both_ways_within_its_bounds(anchor, peer):
    began = time.monotonic()
    rates = anchor.throughput.measure(peer)
    assert rates["mb_per_s_to"] > 1
    assert rates["mb_per_s_from"] > 1
    assert time.monotonic() - began < 2 * anchor.throughput.SECONDS + 2


def test_the_throughput_of_a_peer_that_does_not_serve_is_not_known(anchor):
    assert anchor.throughput.measure("127.0.0.1") == {"mb_per_s_to": None, "mb_per_s_from": None}


def test_a_stream_that_is_cut_short_has_no_speed(anchor):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"." * 100)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionError, match="ended after 100 bytes"):
            anchor.throughput.take(ours)


def test_packets_that_are_late_are_not_lost(anchor, peer, monkeypatch):
    exchange = anchor.crossing.exchange
    tried = []

    def late(address, size, deadline):
        tried.append(size)
        return exchange(address, size, deadline) if len(tried) > 1 else None

    monkeypatch.setattr(anchor.crossing, "exchange", late)
    monkeypatch.setattr(anchor.crossing, "mtu_towards", lambda _address: 1450)
    result = anchor.crossing.probe([peer], 1)[peer]
    assert (result["full"], result["stream"], result["carried"]) == (True, True, 1450)
