# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

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
    monkeypatch.setattr(os, "fchown", lambda *_owner: None)  # as whoever runs the tests may not be root
    return Project(host, tmp_path)


@pytest.fixture
def serving(project):
    """The project, already proven to serve."""
    project.present()
    return project


def test_a_first_run_writes_pulls_and_starts(project):
    project.host.images.clear()
    outcome = project.present()
    wrote = ["wrote compose.yaml", "wrote proxy.cfg", "wrote web.env"]
    assert outcome.actions == [*wrote, "pulled server:1", "started web"]
    assert outcome.changed
    assert outcome.containers == [
        {"name": "web", "service": "web", "image": "server:1", "state": "running", "health": "healthy"}
    ]
    assert (project.directory / "web.env").stat().st_mode & 0o777 == 0o600
    assert not [path for path in project.tree if path.startswith(".staged")]


def test_what_serves_is_left_alone(serving):
    outcome = serving.present()
    assert (outcome.changed, outcome.actions, outcome.diff, serving.host.changes) == (False, [], [], [])


def _vanish(project):
    project.host.containers.clear()


def _exit(project):
    project.host.containers["web"]["State"] = dict(ENDED)


def _pause(project):
    project.host.containers["web"]["State"]["Status"] = "paused"


def _sicken(project):
    project.host.containers["web"]["State"].update(UNHEALTHY)


def _recreate(project):
    project.host.containers["web"]["Config"]["Labels"]["com.docker.compose.config-hash"] = "0123"


def _orphan(project):
    project.host.containers["old"] = project.host._born("old", {"image": "proxy:1"}, "0123")


def _edit(project):
    (project.directory / "proxy.cfg").write_text("listen 81\n")


def _open(project):
    (project.directory / "web.env").chmod(0o644)


def _delete(project):
    (project.directory / "proxy.cfg").unlink()


def _litter(project):
    (project.directory / "conf.d").mkdir()
    (project.directory / "conf.d/left.cfg").write_text("x")


def _forget(project):
    (project.directory.parent / ".served/fleet/containers.json").unlink()


def _disable(project):
    project.host.unit = "disabled"


@pytest.mark.parametrize(
    ("drift", "actions"),
    [
        pytest.param(_vanish, ["web absent"], id="container removed"),
        pytest.param(_exit, ["web stopped"], id="container stopped"),
        pytest.param(_pause, ["web paused"], id="container paused"),
        pytest.param(_sicken, ["web unhealthy"], id="container unhealthy"),
        pytest.param(_recreate, ["web changed"], id="container changed by hand"),
        pytest.param(_orphan, ["old surplus"], id="container that no file names"),
        pytest.param(_edit, ["wrote proxy.cfg"], id="file edited"),
        pytest.param(_open, ["wrote web.env"], id="mode loosened"),
        pytest.param(_delete, ["wrote proxy.cfg"], id="file deleted"),
        pytest.param(_litter, ["removed conf.d/left.cfg"], id="file that is not listed"),
        pytest.param(_forget, ["finished what an earlier run began"], id="never proven"),
        pytest.param(_disable, [f"enabled {UNIT}"], id="not started at boot"),
    ],
)
def test_drift_is_predicted_and_repaired(serving, drift, actions):
    drift(serving)
    before = serving.tree
    predicted = serving.present(check_mode=True)
    assert (predicted.changed, predicted.actions) == (True, actions)
    assert (serving.host.changes, serving.tree) == ([], before)

    outcome = serving.present()
    assert (outcome.changed, outcome.actions, outcome.diff) == (True, actions, predicted.diff)
    assert list(serving.host.containers) == ["web"]
    assert serving.host.containers["web"]["State"] == RUNNING
    assert not serving.present().changed


def test_an_update_is_predicted_up_to_what_it_does_to_containers(serving):
    serving.update()
    serving.texts = {"other.cfg": "x"}
    predicted = serving.present(check_mode=True)
    outcome = serving.present()
    assert predicted.actions == ["wrote compose.yaml", "wrote other.cfg", "removed proxy.cfg"]
    assert outcome.actions == [*predicted.actions, "replaced web"]
    assert outcome.diff == predicted.diff
    assert not (serving.directory / "proxy.cfg").exists()
    assert serving.image == "server:2"


def test_services_come_and_go(serving):
    serving.services = {"proxy": {"image": "proxy:1"}}
    assert serving.present().actions == ["wrote compose.yaml", "started proxy", "removed web"]
    assert list(serving.host.containers) == ["proxy"]


def test_check_mode_needs_no_engine(project):
    project.host.listening, project.host.unit = False, ""
    outcome = project.present(check_mode=True)
    assert outcome.actions == ["wrote compose.yaml", "wrote proxy.cfg", "wrote web.env"]
    assert not outcome.warnings
    assert "no Docker engine answers on this host. Run the role inference.fleet.docker" in project.fails()
    assert project.tree == {}


def test_a_missing_unit_is_warned_of(project):
    project.host.unit = ""
    outcome = project.present()
    assert f"There is no unit {UNIT}" in outcome.warnings[0]


@pytest.mark.parametrize(
    ("fate", "log", "message"),
    [
        pytest.param(
            ENDED,
            "INFO 11-21 08:20:25 [api_server.py:1] vLLM\nvllm serve: error: unrecognized arguments: --mx-len",
            "Failed to start web: vllm serve: error: unrecognized arguments: --mx-len. Correct the service's arguments",
            id="died",
        ),
        pytest.param(
            {**ENDED, "OOMKilled": True, "ExitCode": 137},
            "loading",
            "Failed to start web: the kernel killed it for want of memory. Did the host run out of memory?",
            id="killed",
        ),
        pytest.param(
            UNHEALTHY,
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB",
            "Failed to start web: its health check fails; its log says: torch.OutOfMemoryError: CUDA out of memory. "
            "Tried to allocate 2 GiB. Lower gpu_memory_utilization",
            id="unhealthy",
        ),
        pytest.param(
            STARTING,
            "still loading",
            "Failed to start web: it was not healthy after 0 s. Its log: ",
            id="late",
        ),
        pytest.param(
            {"Status": "restarting"},
            "ValueError: no such model type",
            "Failed to start web: ValueError: no such model type. Its log: ",
            id="restarting",
        ),
    ],
)
def test_a_failed_update_is_undone_and_explained(serving, tmp_path, fate, log, message):
    before = serving.tree
    serving.update(**fate)
    serving.texts = {"new.cfg": "x"}
    serving.host.logs["server:2"] = log
    said = serving.fails()
    assert said.startswith(message)
    assert said.endswith(f"Its log: {tmp_path}/log/web.log. What served before serves again.")
    assert (tmp_path / "log/web.log").read_text() == log
    assert serving.tree == before
    assert (serving.image, serving.host.containers["web"]["State"]) == ("server:1", RUNNING)

    serving.host.fates.clear()
    assert serving.present().actions[-1] == "replaced web"  # it is tried again, not taken for done


def test_a_start_that_compose_refuses_is_undone(serving):
    before = serving.tree
    serving.update()
    up = serving.host._up

    def refuse_the_new(rest, directory):
        if "server:2" in (directory / "compose.yaml").read_text():
            raise ValueError("Error response from daemon: Bind for 0.0.0.0:80 failed: port is already allocated")
        up(rest, directory)

    serving.host._up = refuse_the_new
    said = serving.fails()
    assert said.startswith("Failed to start the compose project fleet: Bind for 0.0.0.0:80 failed: port is already")
    assert said.endswith("What served before serves again.")
    assert serving.tree == before


def test_the_id_of_the_cause_outlives_the_way_back(serving):
    serving.update(**STARTING)
    serving.host.logs["server:2"] = "OSError: [Errno 98] Address already in use"
    with pytest.raises(FleetError) as raised:
        serving.present()
    assert raised.value.cause_id == "port"


def test_when_nothing_can_be_brought_back_both_causes_are_told(serving):
    serving.update(**ENDED)
    serving.host.logs = {"server:2": "ValueError: new one is bad", "server:1": "ValueError: old one is bad"}
    serving.host.fates["server:1"] = ENDED
    said = serving.fails()
    assert said.startswith("Failed to start web: ValueError: new one is bad. ")
    assert said.endswith("What served before could not be brought back either: ValueError: old one is bad.")


def test_a_first_start_that_fails_leaves_its_container_stopped(project):
    project.host.fates["server:1"] = {"Status": "restarting"}
    project.host.logs["server:1"] = "ValueError: no such model type"
    said = project.fails()
    assert said.startswith("Failed to start web: ValueError: no such model type.")
    assert said.endswith("Nothing served before.")
    assert project.host.changes[-1] == ("stop", "web")
    assert project.host.containers["web"]["State"]["Status"] == "exited"


def test_containers_that_vanish_while_they_start_are_an_error(project):
    project.host._up = lambda _rest, _directory: None
    assert "Failed to start the compose project fleet: it had no container after 0 s." in project.fails()


@pytest.mark.parametrize(
    ("verb", "complaint", "message"),
    [
        pytest.param(
            "pull",
            "Error response from daemon: manifest for server:3 not found",
            "Failed to pull server:3 for web: manifest for server:3 not found. Nothing was stopped.",
            id="image",
        ),
        pytest.param(
            "config",
            "services.web additional properties 'imge' not allowed",
            "Failed to read the compose project fleet: services.web additional properties 'imge' not allowed.",
            id="compose file",
        ),
        pytest.param(
            "run",
            "[ALERT] (1) : config : parsing [proxy.cfg:1] : unknown keyword 'lisen'",
            "Failed to accept the new configuration of web: [ALERT]",
            id="trial",
        ),
    ],
)
def test_mistakes_found_beforehand_touch_nothing(serving, verb, complaint, message):
    before, container = serving.tree, serving.host.containers["web"]
    serving.options = {"trials": {"web": ["proxy", "-c"]}}
    serving.services["web"]["image"] = "server:3"
    serving.host.refused[verb] = complaint
    assert serving.fails().startswith(message)
    assert serving.tree == before
    assert serving.host.containers["web"] is container
    assert "up" not in {command[0] for command in serving.host.commands}


def test_trials_see_the_new_files_and_only_when_there_are_any(serving):
    serving.options = {"trials": {"web": ["proxy", "-c"]}}
    assert not serving.present().changed
    serving.texts["proxy.cfg"] = "listen 82\n"
    seen = []
    serving.host._run = lambda rest, directory: seen.append((rest[-3:], (directory / "proxy.cfg").read_text()))
    serving.present()
    assert seen == [(["web", "proxy", "-c"], "listen 82\n")]


def test_a_signal_goes_to_containers_that_stay(serving):
    serving.options = {"signals": {"web": "SIGUSR2"}}
    serving.texts["proxy.cfg"] = "listen 82\n"
    assert serving.present().actions == ["wrote proxy.cfg", "sent SIGUSR2 to web"]
    assert ("kill", "--signal", "SIGUSR2", "web") in serving.host.commands

    serving.texts["proxy.cfg"] = "listen 83\n"
    serving.update()
    assert serving.present().actions == ["wrote compose.yaml", "wrote proxy.cfg", "replaced web"]


def test_an_interrupted_run_is_finished_by_the_next(serving):
    serving.update()
    up = serving.host._up

    def interrupt(_rest, _directory):
        raise KeyboardInterrupt

    serving.host._up = interrupt
    with pytest.raises(KeyboardInterrupt):
        serving.present()
    serving.host._up = up
    assert (serving.directory / "compose.yaml").read_text().count("server:2")
    assert serving.present(check_mode=True).actions == ["finished what an earlier run began"]
    assert serving.present().actions == ["finished what an earlier run began", "replaced web"]
    assert not serving.present().changed


def test_secrets_are_in_no_outcome(serving):
    renewed = "kD8-battery-staple"
    serving.secrets = {"web.env": f"API_KEY='{renewed}'\n", "tls.pem": f"{renewed}\n"}
    for outcome in (serving.present(check_mode=True), serving.present()):
        assert [action for action in outcome.actions if action.startswith("wrote")] == [
            "wrote tls.pem",
            "wrote web.env",
        ]
        for secret in (HELD_BACK, renewed):
            assert secret not in f"{outcome}"
        assert outcome.diff[1]["before"] != outcome.diff[1]["after"]

    serving.services["web"].pop("env_file")
    serving.secrets = {}
    assert renewed not in f"{serving.present(check_mode=True)}"
    assert renewed not in f"{serving.present()}"


@pytest.mark.parametrize("mode", ["0640", "0600"])
def test_what_a_secret_file_held_stays_secret_when_it_is_removed(serving, mode):
    place = serving.directory / "left.env"
    place.write_text(HELD_BACK)
    place.chmod(int(mode, 8))
    assert HELD_BACK not in f"{serving.present(check_mode=True)}"


def test_secrets_are_in_no_message(serving):
    serving.secrets["web.env"] = f"API_KEY='{HELD_BACK}\nand-more {HELD_BACK}'\n"
    said = serving.fails()
    assert 'unexpected character " " in variable name' in said
    assert HELD_BACK not in said
    assert "and-more" not in said

    serving.secrets["web.env"] = f"export API_KEY='{HELD_BACK}'\n"
    serving.update(**ENDED)
    serving.host.logs["server:2"] = f"ValueError: API_KEY must not be {HELD_BACK}"
    said = serving.fails()
    assert said.startswith("Failed to start web: ValueError: API_KEY must not be (secret).")


def test_absent_removes_containers_files_and_the_place_at_boot(serving):
    before = serving.tree
    actions = ["removed container web", "removed compose.yaml", "removed proxy.cfg", "removed web.env"]
    predicted = serving.absent(check_mode=True)
    assert (predicted.changed, predicted.actions) == (True, actions)
    assert (serving.host.changes, serving.tree) == ([], before)

    outcome = serving.absent()
    assert (outcome.actions, outcome.diff) == (actions, predicted.diff)
    assert HELD_BACK not in f"{outcome}"
    assert (serving.tree, serving.host.containers, serving.host.unit) == ({}, {}, "disabled")
    assert not serving.directory.exists()

    assert not serving.absent().changed
    assert serving.host.changes == []


def test_absent_removes_the_files_where_no_engine_runs(serving):
    serving.host.listening = False
    assert serving.absent().changed
    assert serving.tree == {}
