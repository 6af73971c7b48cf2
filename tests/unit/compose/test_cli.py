# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.compose import cli as compose_cli
from ansible_collections.inference.fleet.plugins.module_utils.compose.cli import ComposeCli, Service
from ansible_collections.inference.fleet.plugins.module_utils.compose.state import Container
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """A project whose docker command is the given shell script, which finds its arguments in "$*"."""

    def install(script):
        command = tmp_path / "docker"
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        return ComposeCli("fleet", tmp_path)

    return install


def test_services_are_those_that_compose_understood(cli):
    config = '{"name": "fleet", "services": {"web": {"image": "a:1"}, "own": {"build": {"context": "."}}}}'
    assert cli(f"echo '{config}'").services() == [Service("own", ""), Service("web", "a:1")]
    assert cli("""echo '{"name": "fleet", "services": null}'""").services() == []


@pytest.mark.parametrize(
    ("entry", "needs"),
    [
        ({}, False),
        ({"deploy": {"resources": {"reservations": {"devices": [{"driver": "nvidia"}]}}}}, True),
        ({"deploy": {"resources": {"reservations": {"devices": [{"driver": "cdi"}]}}}}, True),
        ({"runtime": "nvidia", "environment": {"CUDA_VISIBLE_DEVICES": "0"}}, True),
        ({"runtime": "habana", "deploy": {"resources": {"limits": {"cpus": 2}}}}, False),
    ],
)
def test_a_service_with_gpus_needs_a_driver(cli, entry, needs):
    config = json.dumps({"services": {"web": {"image": "a:1", **entry}}})
    assert cli(f"echo '{config}'").services() == [Service("web", "a:1", needs)]


@pytest.mark.parametrize(("value", "compatible"), [("1", True), (" True", True), ("0", False), (None, False)])
def test_a_service_with_gpus_may_use_its_images_compatibility_libraries(cli, value, compatible):
    entry = {"image": "a:1", "runtime": "nvidia", "environment": {"VLLM_ENABLE_CUDA_COMPATIBILITY": value}}
    config = json.dumps({"services": {"web": entry}})
    assert cli(f"echo '{config}'").services() == [Service("web", "a:1", True, compatible)]


def test_every_command_names_project_and_file(cli, tmp_path):
    project = cli(f'echo "$*" >> {tmp_path}/asked')
    project.up()
    project.up("web", recreate=True)
    project.stop("web")
    project.try_command("web", ["haproxy", "-c"])
    project.down()
    where = f"compose --project-name fleet --project-directory {tmp_path} --file {tmp_path}/compose.yaml"
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"{where} up --detach --quiet-pull --remove-orphans",
        f"{where} up --detach --quiet-pull --force-recreate --no-deps web",
        f"{where} stop web",
        f"{where} run --rm --no-deps --no-TTY --quiet-pull web haproxy -c",
        "compose --project-name fleet down --remove-orphans",
    ]


def test_an_image_that_cannot_be_had_is_named(cli):
    cli("echo 'Error response from daemon: manifest for a:1 not found: manifest unknown' >&2; exit 1")
    with pytest.raises(FleetError) as raised:
        compose_cli.pull("a:1", "web, proxy")
    assert str(raised.value).startswith(
        "Failed to pull a:1 for web, proxy: manifest for a:1 not found: manifest unknown. Nothing was stopped."
    )


def test_both_streams_of_a_log_are_one_in_the_order_of_time(monkeypatch):
    asked = []

    def look(*command):
        asked.append(command)
        out = "2026-11-21T08:20:21.000000000Z one\n2026-11-21T08:20:23.000000000Z three\n"
        return Outcome(0, out, "2026-11-21T08:20:22.000000000Z two")

    monkeypatch.setattr(compose_cli, "look", look)
    container = Container("12ab", "web", "web", "i", "exited", None)
    assert compose_cli.log_of(container) == "one\ntwo\nthree"
    assert asked == [("docker", "logs", "--timestamps", "--tail", compose_cli.LOG_LINES, "12ab")]


def test_no_engine_is_not_no_containers(cli, monkeypatch):
    monkeypatch.setattr(compose_cli, "engine_get", lambda _resource: None)
    assert cli("exit 1").containers() is None
    monkeypatch.setattr(compose_cli, "engine_get", lambda _resource: [])
    assert cli("exit 1").containers() == []
