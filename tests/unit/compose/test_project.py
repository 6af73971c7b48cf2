# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from .conftest import ENDED, HELD_BACK, RUNNING, UNHEALTHY, UNIT


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
