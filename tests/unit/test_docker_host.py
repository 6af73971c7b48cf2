# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import http.server
import json
import socketserver
import threading

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.docker import host as docker_host
from ansible_collections.inference.fleet.plugins.module_utils.docker.api import engine_get
from ansible_collections.inference.fleet.plugins.module_utils.docker.daemon_files import read_json
from ansible_collections.inference.fleet.plugins.module_utils.docker.engine import (
    is_encrypted,
    parse_containers,
    parse_networks,
    parse_swarm,
)
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.host.packages import parse_packages
from ansible_collections.inference.fleet.plugins.module_utils.host.units import parse_units, telling_line

WORKER = {
    "Swarm": {
        "NodeID": "w1",
        "NodeAddr": "10.215.0.12",
        "LocalNodeState": "active",
        "ControlAvailable": False,
        "Error": "",
        "RemoteManagers": [{"NodeID": "m1", "Addr": "10.215.0.11:2377"}, {"NodeID": "m2", "Addr": "[fd00::2]:2377"}],
    }
}
OVERLAY = {
    "Name": "fleet",
    "Driver": "overlay",
    "Scope": "swarm",
    "Attachable": True,
    "IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}]},
    "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4097", "encrypted": ""},
}


def test_a_worker_knows_its_managers_but_not_the_cluster():
    swarm = parse_swarm(WORKER)
    assert (swarm["state"], swarm["is_manager"], swarm["cluster_id"]) == ("active", False, "")
    assert swarm["managers"] == ["10.215.0.11", "fd00::2"]


def test_an_engine_outside_any_swarm():
    assert parse_swarm({"Swarm": {"LocalNodeState": "inactive", "RemoteManagers": None}})["state"] == "inactive"


def test_networks():
    fleet = parse_networks([OVERLAY])["fleet"]
    assert fleet == {
        "driver": "overlay",
        "scope": "swarm",
        "attachable": True,
        "encrypted": True,
        "subnets": ["10.0.1.0/24"],
        "mtu": 0,
    }


@pytest.mark.parametrize(
    ("options", "encrypted"),
    [({"encrypted": ""}, True), ({"encrypted": "true"}, True), ({"encrypted": "false"}, False), ({}, False)],
)
def test_the_flag_alone_encrypts(options, encrypted):
    assert is_encrypted(options) is encrypted


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 3 minutes (healthy)", "healthy"),
        ("Up 3 minutes (unhealthy)", "unhealthy"),
        ("Up 2 seconds (health: starting)", "starting"),
        ("Exited (0) 5 minutes ago", None),
    ],
)
def test_containers(status, health):
    container = {
        "Names": ["/vllm-0"],
        "Image": "vllm@sha256:00",
        "State": "running",
        "Status": status,
        "Labels": {"com.docker.compose.project": "vllm"},
        "NetworkSettings": {"Networks": {"fleet": {}}},
        "Ports": [{"PrivatePort": 8000, "Type": "tcp"}, {"PrivatePort": 80, "PublicPort": 4000, "Type": "tcp"}],
    }
    found = parse_containers([container])["vllm-0"]
    assert (found["health"], found["project"], found["published"]) == (health, "vllm", ["4000/tcp"])


def test_held_and_removed_packages():
    listing = "docker.io\thi \t26.1.5\ndocker-cli\tii \t26.1.5\nold\trc \t1\n"
    assert parse_packages(listing) == ({"docker.io": "26.1.5", "docker-cli": "26.1.5"}, ["docker.io"])


def test_units():
    text = (
        "Id=docker.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\n"
        "Id=daemon.service\nLoadState=loaded\nActiveState=active\nUnitFileState=static\n\n"
        "Id=off.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n\n"
        "Id=gone.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"
    )
    assert parse_units(text) == {
        "docker.service": {"enabled": True, "active": True, "state": "active"},
        "daemon.service": {"enabled": True, "active": True, "state": "active"},
        "off.service": {"enabled": False, "active": False, "state": "inactive"},
    }


@pytest.mark.parametrize(
    ("journal", "line"),
    [
        pytest.param(
            'time="x" level=info msg="Starting up"\n'
            "failed to start daemon: invalid bip\n"
            "docker.service: Main process exited, code=exited, status=1/FAILURE\n"
            "docker.service: Failed with result 'exit-code'.\n"
            "Failed to start docker.service - Docker Application Container Engine.\n",
            "failed to start daemon: invalid bip",
            id="the daemon's word, not systemd's",
        ),
        pytest.param("all is well\n", "all is well", id="nothing complains"),
        pytest.param("", "its journal is empty", id="nothing at all"),
    ],
)
def test_the_telling_line_of_a_journal(journal, line):
    assert telling_line(journal) == line


@pytest.mark.parametrize(
    ("text", "content"),
    [("", {}), ('{"log-driver": "local"}', {"log-driver": "local"})],
)
def test_daemon_json_is_read(tmp_path, text, content):
    (tmp_path / "daemon.json").write_text(text)
    assert read_json(tmp_path / "daemon.json") == content


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_daemon_json_is_not_overwritten_silently(tmp_path, text):
    (tmp_path / "daemon.json").write_text(text)
    with pytest.raises(FleetError, match="Repair it or move it away"):
        read_json(tmp_path / "daemon.json")


def test_what_is_not_there_is_none(tmp_path):
    assert read_json(tmp_path / "daemon.json") is None
    assert docker_host.observe_file(tmp_path / "file") is None
    assert engine_get("/info", str(tmp_path / "docker.sock")) is None


def test_a_file_is_told_by_its_checksum(tmp_path):
    (tmp_path / "file").write_text("content")
    assert docker_host.observe_file(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()


class Engine(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"/info": {"ServerVersion": "28.5.1"}}
        body = json.dumps(known.get(self.path, {"message": f"no such thing: {self.path}"})).encode()
        self.send_response(200 if self.path in known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "socket"

    def log_message(self, *_):
        pass


@pytest.fixture
def engine(tmp_path):
    path = str(tmp_path / "docker.sock")
    with socketserver.ThreadingUnixStreamServer(path, Engine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield path
        server.shutdown()


def test_the_engine_is_asked_at_its_socket(engine):
    assert engine_get("/info", engine) == {"ServerVersion": "28.5.1"}


def test_the_engine_says_what_it_does_not_know(engine):
    with pytest.raises(FleetError, match="no such thing: /networks/x"):
        engine_get("/networks/x", engine)


def test_an_engine_that_was_killed_leaves_a_dead_socket(tmp_path):
    path = tmp_path / "dead.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Engine):
        pass
    assert path.exists()
    assert engine_get("/info", str(path)) is None
