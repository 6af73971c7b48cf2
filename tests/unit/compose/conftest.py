# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A compose project on a host that is none."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.compose import cli as compose_cli
from ansible_collections.inference.fleet.plugins.module_utils.compose import project as compose_project
from ansible_collections.inference.fleet.plugins.module_utils.compose.files import read_tree, wanted_files
from ansible_collections.inference.fleet.plugins.module_utils.compose.project import (
    Wanted,
    ensure_absent,
    ensure_present,
)
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

HELD_BACK = "kD8-correct-horse"
OWN = f"{os.getuid()}:{os.getgid()}"
UNIT = "compose@fleet.service"
LOOKS = ("config", "inspect", "logs", "show")  # what of docker and systemctl changes nothing


class Host:
    """A host with an engine, Compose and systemd, as far as a compose project can tell.

    How a container fares is decided by its image's entry in ``fates``.
    """

    def __init__(self):
        self.containers = {}  # by service, as the engine's inspection shows them
        self.images = {"server:1", "server:2", "proxy:1"}
        self.environments = {}  # of images, where they have one
        self.driver = None  # of NVIDIA's, as it is loaded
        self.fates = {}
        self.logs = {}
        self.unit = "enabled"
        self.commands = []
        self.refused = {}  # what a command says that fails, by its verb
        self.listening = True
        self.born = 0

    def get(self, resource):
        """The engine's answer at its socket."""
        if not self.listening:
            return None
        url = urlsplit(resource)
        if url.path == "/containers/json":
            labels = json.loads(parse_qs(url.query)["filters"][0])["label"]
            assert labels == ["com.docker.compose.project=fleet", "com.docker.compose.oneoff=False"]
            return [{"Id": c["Id"], "Names": [c["Name"]]} for c in self.containers.values()]
        return next(c for c in self.containers.values() if url.path == f"/containers/{c['Id']}/json")

    def run(self, command, **_options):
        """What a command does and prints, in the place of subprocess.run."""
        arguments = list(command[1:])
        if arguments[0] == "compose":
            project = arguments[1:]
            values = {}
            while project[0].startswith("--"):
                values[project[0]] = project[1]
                project = project[2:]
            assert values["--project-name"] == "fleet"
            verb, rest = project[0], project[1:]
            directory = Path(values["--file"]).parent if "--file" in values else None
        else:
            verb, rest, directory = arguments[0], arguments[1:], None
            verb = "inspect" if verb == "image" else verb
        self.commands.append((verb, *rest))
        if verb in self.refused:
            return subprocess.CompletedProcess(command, 1, "", self.refused[verb])
        try:
            output = getattr(self, f"_{verb}")(rest, directory)
        except ValueError as error:
            return subprocess.CompletedProcess(command, 1, "", f"{error}\n")
        return subprocess.CompletedProcess(command, 0, output or "", "")

    @property
    def changes(self):
        """The commands that changed something."""
        return [command for command in self.commands if command[0] not in LOOKS]

    def _config(self, _rest, directory):
        return json.dumps({"name": "fleet", "services": _services(directory)})

    def _inspect(self, rest, _directory):
        if rest[-1] not in self.images:
            raise ValueError(f"Error response from daemon: No such image: {rest[-1]}")
        return json.dumps(self.environments.get(rest[-1]))

    def _pull(self, rest, _directory):
        self.images.add(rest[-1])

    def _run(self, _rest, _directory):
        pass

    def _up(self, rest, directory):
        services = _services(directory)
        named = [word for word in rest if not word.startswith("--")]
        if "--remove-orphans" in rest:
            self.containers = {name: c for name, c in self.containers.items() if name in services}
        for name in named or services:
            digest = _hash(services[name], directory)
            container = self.containers.get(name)
            kept = container and container["Config"]["Labels"]["com.docker.compose.config-hash"] == digest
            if "--force-recreate" in rest or not kept:
                self.containers[name] = self._born(name, services[name], digest)
            elif container["State"]["Status"] in ("exited", "created"):
                container["State"] = self._state(services[name]["image"])

    def _stop(self, rest, _directory):
        for service in rest:
            self.containers[service]["State"] = {**ENDED, "ExitCode": 0}

    def _down(self, _rest, _directory):
        self.containers = {}

    def _kill(self, _rest, _directory):
        pass

    def _unpause(self, rest, _directory):
        container = self.containers[rest[0]]
        container["State"] = self._state(container["Config"]["Image"])

    def _logs(self, rest, _directory):
        image = next(c["Config"]["Image"] for c in self.containers.values() if c["Id"] == rest[-1])
        lines = self.logs.get(image, "").splitlines()
        return "".join(f"2026-11-21T08:20:2{number}.000000000Z {line}\n" for number, line in enumerate(lines))

    def _show(self, rest, _directory):
        loaded = "loaded" if self.unit else "not-found"
        return f"Id={rest[-1]}\nLoadState={loaded}\nActiveState=inactive\nUnitFileState={self.unit}\n"

    def _enable(self, _rest, _directory):
        self.unit = "enabled"

    def _disable(self, _rest, _directory):
        self.unit = "disabled"

    def _born(self, name, definition, digest):
        self.born += 1
        return {
            "Id": f"{self.born:064x}",
            "Name": f"/{name}",
            "RestartCount": 0,
            "State": self._state(definition["image"]),
            "Config": {
                "Image": definition["image"],
                "Labels": {
                    "com.docker.compose.project": "fleet",
                    "com.docker.compose.service": name,
                    "com.docker.compose.config-hash": digest,
                },
            },
        }

    def _state(self, image):
        return {**RUNNING, **self.fates.get(image, {})}


RUNNING = {
    "Status": "running",
    "OOMKilled": False,
    "ExitCode": 0,
    "Error": "",
    "StartedAt": "2026-11-21T08:20:26.819235302Z",
    "Health": {"Status": "healthy", "FailingStreak": 0, "Log": []},
}
ENDED = {**RUNNING, "Status": "exited", "ExitCode": 1, "Health": {"Status": "unhealthy", "FailingStreak": 0, "Log": []}}
UNHEALTHY = {"Health": {"Status": "unhealthy", "FailingStreak": 3, "Log": []}}
STARTING = {"Health": {"Status": "starting", "FailingStreak": 0, "Log": []}}


def _services(directory):
    """What Compose reads in ``directory``; complains as it does, quoting the line."""
    services = json.loads((directory / "compose.yaml").read_text())["services"]
    for file in (directory / name for entry in services.values() for name in entry.get("env_file", [])):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if "=" not in line:
                raise ValueError(
                    f'failed to read {file}: line {number}: unexpected character " " in variable name "{line}"'
                )
    return services


def _hash(definition, directory):
    parts = [json.dumps(definition), *((directory / name).read_text() for name in definition.get("env_file", []))]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


class Project:
    """The project under test, and what its caller would give for it."""

    def __init__(self, host, root):
        self.host = host
        self.directory = root / "opt" / "fleet"
        self.options = {}
        self.services = {"web": {"image": "server:1", "env_file": ["web.env"]}}
        self.texts = {"proxy.cfg": "listen 80\n"}
        self.secrets = {"web.env": f"API_KEY='{HELD_BACK}'\n"}

    def wanted(self):
        texts = {"compose.yaml": json.dumps({"services": self.services}), **self.texts}
        files = wanted_files(
            [{"path": path, "content": text, "mode": "0644", "owner": OWN} for path, text in texts.items()],
            [{"path": path, "content": text, "mode": "0600", "owner": OWN} for path, text in self.secrets.items()],
        )
        return Wanted("fleet", self.directory, files, wait_timeout=0.05, **self.options)

    def present(self, check_mode=False):
        self.host.commands.clear()
        return ensure_present(self.wanted(), check_mode)

    def absent(self, check_mode=False):
        self.host.commands.clear()
        return ensure_absent("fleet", self.directory, check_mode)

    def fails(self):
        with pytest.raises(FleetError) as raised:
            self.present()
        return str(raised.value)

    def update(self, **fate):
        """Want the next version of the server, which fares so."""
        self.services["web"]["image"] = "server:2"
        self.host.fates["server:2"] = fate

    @property
    def tree(self):
        """Every file under and beside the project's directory."""
        return read_tree(self.directory.parent)

    @property
    def image(self):
        return self.host.containers["web"]["Config"]["Image"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    host = Host()
    monkeypatch.setattr(subprocess, "run", host.run)
    monkeypatch.setattr(compose_cli, "engine_get", host.get)
    monkeypatch.setattr(compose_project, "LOGS", tmp_path / "log")
    monkeypatch.setattr(compose_project, "POLL", 0.01)
    monkeypatch.setattr(compose_project, "loaded_nvidia", lambda _machine: (host.driver, "open"))
    monkeypatch.setattr(os, "fchown", lambda *_owner: None)  # as whoever runs the tests may not be root
    return Project(host, tmp_path)


@pytest.fixture
def serving(project):
    """The project, already proven to serve."""
    project.present()
    return project
