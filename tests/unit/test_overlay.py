# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import Counter

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.docker import overlay
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.host.esp import Esp, judge
from ansible_collections.inference.fleet.plugins.module_utils.host.reach import OPEN, SILENT
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome, look

ALL = {"address": "10.0.1.5", "mtu": 1450, "carried": 1450, "small": True, "full": True, "stream": True, "rtt_ms": 0.4}
LOST = {**ALL, "carried": 0, "small": False, "full": False, "stream": False, "rtt_ms": None}
ADDRESSES = {"b": "192.0.2.2", "c": "192.0.2.3"}
ENCRYPTED = Counter({("in", "esp"): 180, ("out", "esp"): 180})
CLEAR = Counter({("in", "answer"): 1, ("out", "ask"): 1, ("out", "vxlan"): 180})


class Engine:
    """An engine with an overlay network, and what rounds of the probe see on it."""

    def __init__(self, monkeypatch, rounds, *, encrypted=False, esp=None, wire=(), closed=(), down=()):
        self.asked = []
        self.ports = []
        self._rounds = iter(rounds)
        self._wire = CLEAR if wire == () else wire  # None: it cannot be seen
        self._closed = closed
        options = {"com.docker.network.driver.overlay.vxlanid_list": "4097", **({"encrypted": ""} if encrypted else {})}
        members = [{"Name": "1", "IP": "192.0.2.2"}, {"Name": "2", "IP": "192.0.2.3"}]
        self.answers = {
            "/networks/fleet": {
                "Name": "fleet",
                "Driver": "overlay",
                "Scope": "swarm",
                "Options": options,
                "Peers": members,
            },
            "/info": {"Swarm": {"NodeAddr": "192.0.2.1", "RemoteManagers": [{"Addr": "192.0.2.2:2377"}]}},
            "/nodes": [
                {"Status": {"State": "down" if address in down else "ready", "Addr": address}}
                for address in ADDRESSES.values()
            ],
        }
        monkeypatch.setattr(overlay, "engine_get", self.answers.__getitem__)
        monkeypatch.setattr(overlay, "probe_esp", lambda: Esp(esp, "kernel 6 has no IPsec ESP"))
        monkeypatch.setattr(overlay, "reach", self._reach)
        monkeypatch.setattr(overlay, "Wire", lambda _local, _vni: self)
        monkeypatch.setattr(overlay, "_run", self._run)

    reason = "Operation not permitted"

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def between(self, _address):
        return self._wire

    def _reach(self, ports, _seconds):
        self.ports.append(ports)
        return {port: SILENT if port in self._closed else OPEN for port in ports}

    def _run(self, _proof, program, request, _timeout):
        if program == "overlay_throughput.py":
            return {address: {"mb_per_s_to": 900.0, "mb_per_s_from": None} for address in request["addresses"]}
        self.asked.append((request["peers"], request["seconds"]))
        return next(self._rounds)


def prove(seconds=30, *, addresses=None, peers=("b",), **options):
    proof = overlay.Proof("fleet", "a", list(peers), ADDRESSES if addresses is None else addresses)
    return overlay.prove(proof, seconds, **options)


def test_what_arrived_at_once_is_not_asked_again(monkeypatch):
    engine = Engine(monkeypatch, [{"b": ALL, "c": {**ALL, "full": False}}, {"c": ALL}])
    results = prove(peers=["b", "c"])
    assert all(result["full"] for result in results.values())
    assert engine.asked == [(["b", "c"], overlay.FIRST_ROUND), (["c"], pytest.approx(30, abs=5))]


def test_an_anchor_that_is_starting_is_waited_for(monkeypatch):
    engine = Engine(monkeypatch, [{"b": ALL}])
    missing = [FleetError("Failed to ask the engine", "network fleet not found")] * 2

    def engine_get(path):
        if missing:
            raise missing.pop()
        return engine.answers[path]

    monkeypatch.setattr(overlay, "engine_get", engine_get)
    monkeypatch.setattr(overlay, "observe_units", lambda _units: {overlay.UNIT: {"state": "activating"}})
    monkeypatch.setattr(overlay.time, "sleep", lambda _seconds: None)
    assert prove()["b"]["full"]


@pytest.mark.parametrize("units", [{}, {overlay.UNIT: {"state": "failed"}}, {overlay.UNIT: {"state": "inactive"}}])
def test_an_anchor_that_will_not_come_is_not_waited_for(monkeypatch, units):
    Engine(monkeypatch, [])

    def engine_get(_path):
        raise FleetError("Failed to ask the engine", "network fleet not found")

    monkeypatch.setattr(overlay, "engine_get", engine_get)
    monkeypatch.setattr(overlay, "observe_units", lambda _units: units)
    monkeypatch.setattr(overlay, "why_it_failed", lambda _unit: "no space left on device")
    with pytest.raises(FleetError, match=r"network fleet not found; .* says: no space left"):
        prove()


def test_managers_are_asked_for_both_ports_and_others_for_one(monkeypatch):
    engine = Engine(monkeypatch, [{"b": ALL, "c": ALL}])
    prove(peers=["b", "c"])
    assert engine.ports == [{("192.0.2.2", 7946), ("192.0.2.2", 2377), ("192.0.2.3", 7946)}]


def test_without_addresses_only_packets_are_looked_at(monkeypatch):
    engine = Engine(monkeypatch, [{"b": ALL}])
    result = prove(addresses={})["b"]
    assert engine.ports == [set()]
    assert result["encrypted"] is None
    assert result["wire"].startswith("not looked: ")


def test_throughput_is_reported_only_where_it_is_wanted_and_never_asserted(monkeypatch):
    Engine(monkeypatch, [{"b": ALL}] * 2)
    assert "mb_per_s_to" not in prove()["b"]
    result = prove(throughput=True)["b"]
    assert (result["mb_per_s_to"], result["mb_per_s_from"]) == (900.0, None)


def test_encryption_that_is_seen_is_reported(monkeypatch):
    Engine(monkeypatch, [{"b": ALL}], encrypted=True, wire=ENCRYPTED)
    assert prove()["b"]["encrypted"] is True


def test_encryption_that_cannot_be_seen_is_no_failure(monkeypatch):
    Engine(monkeypatch, [{"b": ALL}], encrypted=True, wire=None)
    result = prove()["b"]
    assert (result["encrypted"], result["wire"]) == (None, "not looked: Operation not permitted")


def test_clear_text_on_an_encrypted_network_fails_though_all_arrives(monkeypatch):
    Engine(monkeypatch, [{"b": ALL}] * 2, encrypted=True, wire=ENCRYPTED + CLEAR)
    with pytest.raises(FleetError, match="its packets cross in clear text"):
        prove()


def test_a_blocked_port_fails_though_all_arrives(monkeypatch):
    Engine(monkeypatch, [{"b": ALL}] * 2, closed=[("192.0.2.2", 2377)])
    with pytest.raises(FleetError, match=r"b \(192.0.2.2\): 2377/tcp is blocked: no answer"):
        prove()


def test_encryption_without_esp_is_found_after_the_first_round(monkeypatch):
    engine = Engine(monkeypatch, [{"b": LOST}], encrypted=True, esp=False)
    with pytest.raises(
        FleetError, match="the network is encrypted and kernel 6 has no IPsec ESP, so nothing reaches b"
    ):
        prove()
    assert len(engine.asked) == 1


def test_loss_is_reported_after_the_last_round(monkeypatch):
    Engine(monkeypatch, [{"b": {**ALL, "full": False}}] * 2)
    with pytest.raises(FleetError, match=r"Failed to prove .* network fleet from a: b .192.0.2.2.: MTU mismatch"):
        prove()


def test_a_node_that_swarm_lists_as_down_is_said_to_be(monkeypatch):
    Engine(monkeypatch, [{"b": LOST}] * 2, closed=[("192.0.2.2", 7946)], down=["192.0.2.2"])
    with pytest.raises(FleetError, match="swarm lists its node as down and its name is stale"):
        prove()


@pytest.mark.parametrize(
    ("outcome", "supported"),
    [
        (Outcome(0, "", ""), True),
        (Outcome(2, "", "Error: Requested AEAD algorithm not found."), False),
        (Outcome(2, "", "RTNETLINK answers: Protocol not supported"), False),
        (Outcome(1, "", "unshare: unshare failed: Operation not permitted"), None),
        (Outcome(127, "", "there is no unshare command"), None),
        (Outcome(127, "", "unshare: failed to execute ip: No such file or directory"), None),
    ],
)
def test_the_kernels_answer_about_esp(outcome, supported):
    assert judge(outcome, "6.12").supported is supported


def test_a_missing_command_is_an_outcome():
    assert look("no-such-command").status == 127
