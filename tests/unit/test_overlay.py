# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import socket
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.docker import overlay
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.host.esp import Esp, judge
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome, look

PROGRAM = Path(__file__).parents[2] / "roles/overlay/files/overlay_anchor.py"
ALL = {"address": "10.0.1.5", "mtu": 1450, "small": True, "full": True, "stream": True}


@pytest.fixture
def anchor():
    """The anchor's program, serving on a loopback address of its own while the test runs."""
    spec = importlib.util.spec_from_file_location("overlay_anchor", PROGRAM)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        program.PORT = free.getsockname()[1]
    return program


def test_full_size_datagrams_and_a_stream_cross(anchor):
    threading.Thread(target=anchor.serve, args=("127.0.0.1",), daemon=True).start()
    result = anchor.probe(["127.0.0.1"], 5)["127.0.0.1"]
    assert (result["full"], result["stream"], result["address"]) == (True, True, "127.0.0.1")
    assert result["mtu"] == anchor.mtu_towards("127.0.0.1")


def test_a_peer_that_does_not_answer_is_given_up_in_time(anchor):
    began = time.monotonic()
    result = anchor.probe(["127.0.0.1"], 1)["127.0.0.1"]
    assert (result["small"], result["full"], result["stream"]) == (False, False, False)
    assert time.monotonic() - began < 4


def test_an_unknown_name_has_no_address(anchor):
    assert anchor.probe(["no-such-host.invalid"], 0.2)["no-such-host.invalid"] == anchor.nothing()


@pytest.mark.parametrize(
    ("change", "encrypted", "words"),
    [
        pytest.param({"address": None, "small": False, "full": False}, False, "7946/tcp", id="unknown"),
        pytest.param({"small": False, "full": False}, False, "4789/udp", id="silent"),
        pytest.param({"small": False, "full": False}, True, "IP protocol 50", id="silent and encrypted"),
        pytest.param({"full": False, "stream": False}, False, "must carry 1500 bytes", id="narrow"),
        pytest.param({"stream": False}, False, "ethtool", id="only streams stall"),
    ],
)
def test_losses_are_explained(change, encrypted, words):
    cause, next_step = overlay.explain({"b": {**ALL, **change}}, encrypted)
    assert cause.startswith("b: ")
    assert words in next_step


@pytest.fixture
def network(monkeypatch):
    """An overlay network on which probes see the given rounds of results."""

    def make(rounds, *, encrypted=False, esp=None):
        options = {"encrypted": ""} if encrypted else {}
        found = {"Name": "fleet", "Driver": "overlay", "Scope": "swarm", "Options": options}
        asked = []
        remaining = iter(rounds)

        def probe(_anchor, peers, seconds, _attempted):
            asked.append((list(peers), seconds))
            return next(remaining)

        monkeypatch.setattr(overlay, "engine_get", lambda _path: found)
        monkeypatch.setattr(overlay, "probe_esp", lambda: Esp(esp, "kernel 6 has no IPsec ESP"))
        monkeypatch.setattr(overlay, "_probe", probe)
        return asked

    return make


def test_what_arrived_at_once_is_not_asked_again(network):
    asked = network([{"b": ALL, "c": {**ALL, "full": False}}, {"c": ALL}])
    assert overlay.prove("fleet", "a", ["b", "c"], 30) == {"b": ALL, "c": ALL}
    assert asked == [(["b", "c"], overlay.FIRST_ROUND), (["c"], 30 - overlay.FIRST_ROUND)]


def test_encryption_without_esp_is_found_after_the_first_round(network):
    asked = network([{"b": {**ALL, "small": False, "full": False, "stream": False}}], encrypted=True, esp=False)
    with pytest.raises(
        FleetError, match="the network is encrypted and kernel 6 has no IPsec ESP, so nothing reaches b"
    ):
        overlay.prove("fleet", "a", ["b"], 30)
    assert len(asked) == 1


def test_loss_is_reported_after_the_last_round(network):
    network([{"b": {**ALL, "full": False}}] * 2)
    with pytest.raises(
        FleetError, match="Failed to prove that packets cross the overlay network fleet from a: b: small"
    ):
        overlay.prove("fleet", "a", ["b"], 30)


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
