# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.docker import cli as docker_cli
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError


@pytest.fixture
def fake_docker(tmp_path, monkeypatch):
    """Puts a docker command with the given shell script in front of any other."""

    def install(script):
        command = tmp_path / "docker"
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    return install


def test_lists_are_read_line_by_line(fake_docker):
    fake_docker("""printf '{"Name": "a"}\\n{"Name": "b"}\\n'""")
    rows = docker_cli.docker_json_lines("network", "ls", attempted="Failed to list networks")
    assert [row["Name"] for row in rows] == ["a", "b"]


def test_standard_input_reaches_the_command(fake_docker):
    fake_docker("cat")
    assert docker_cli.docker("exec", attempted="Failed to ask", stdin="secret") == "secret"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param(
            "echo 'Error response from daemon: network x not found' >&2; exit 1",
            "Failed to attach: network x not found.",
            id="the daemon's word without its preamble",
        ),
        pytest.param(
            "echo 'docker: no such flag' >&2; echo \"See 'docker run --help'.\" >&2; exit 125",
            "Failed to attach: no such flag.",
            id="the cause, not the advice",
        ),
        pytest.param(
            "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1",
            "Look at `journalctl -u docker`.",
            id="a stopped engine",
        ),
        pytest.param("exit 3", "Failed to attach: it failed without a word.", id="silence"),
        pytest.param("exec sleep 5", "`docker run x` did not end within 0 s", id="a hung engine"),
        pytest.param("echo no json", "which is not JSON", id="prose instead of JSON"),
    ],
)
def test_failures_say_what_was_attempted_and_why(fake_docker, script, message):
    fake_docker(script)
    with pytest.raises(FleetError) as raised:
        docker_cli.docker_json("run", "x", "secret", attempted="Failed to attach", timeout=0.3)
    assert str(raised.value).startswith("Failed to attach: ")
    assert message in str(raised.value)


def test_a_host_without_docker_is_told_which_role_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FleetError, match=r"there is no docker command. Run the role inference.fleet.docker"):
        docker_cli.docker("ps", attempted="Failed to list containers")
