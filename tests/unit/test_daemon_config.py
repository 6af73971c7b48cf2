# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.docker import daemon_config, daemon_restart
from ansible_collections.inference.fleet.plugins.module_utils.docker.daemon_files import digest, read_files
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome

HABANA = {"runtimes": {"habana": {"path": "/usr/bin/habana-container-runtime"}}}


@dataclass
class Engine:
    """An engine on paper: it starts with any configuration that lacks the option ``broken``."""

    directory: Path
    installed: bool = True
    running: bool = True
    swarm: bool = False
    complaint: str = ""
    started_with: list[dict] = field(default_factory=list)

    def is_installed(self):
        return self.installed

    def is_running(self):
        return self.running

    def in_swarm(self):
        return self.swarm

    def refusal(self, _text):
        return self.complaint

    def restart(self):
        self.started_with.append(read_files(self.directory).config)
        return "no such driver" if "broken" in (self.started_with[-1] or {}) else ""

    def contribute(self, name, wanted, check_mode=False):
        return daemon_config.contribute(name, wanted, check_mode, self.directory)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    engine = Engine(tmp_path)
    monkeypatch.setattr(daemon_config, "engine", engine)
    return engine


def tree(directory):
    return {str(path.relative_to(directory)): path.read_text() for path in directory.rglob("*") if path.is_file()}


def test_a_contribution_reaches_the_engine_once(engine):
    first, second = engine.contribute("gaudi", HABANA), engine.contribute("gaudi", HABANA)
    assert (first.changed, first.restarted, first.config) == (True, True, HABANA)
    assert first.contributions == {"gaudi": HABANA}
    assert (second.changed, second.restarted, second.diff) == (False, False, [])
    assert engine.started_with == [HABANA]
    assert sorted(tree(engine.directory)) == ["contributions/gaudi.json", "daemon.json"]


def test_nothing_is_written_for_a_contribution_of_nothing(engine):
    assert not engine.contribute("docker", {}).changed
    assert tree(engine.directory) == {}


def test_what_stood_there_already_is_owned_from_then_on_without_a_restart(engine):
    (engine.directory / "daemon.json").write_text(json.dumps({"debug": True}))
    outcome = engine.contribute("docker", {"debug": True})
    assert (outcome.changed, outcome.restarted) == (True, False)
    assert engine.contribute("docker", {}).config == {}


def test_a_contribution_goes_with_its_record(engine):
    engine.contribute("docker", {"debug": True})
    engine.contribute("gaudi", HABANA)
    outcome = engine.contribute("gaudi", {})
    assert (outcome.config, outcome.contributions) == ({"debug": True}, {"docker": {"debug": True}})
    assert sorted(tree(engine.directory)) == ["contributions/docker.json", "daemon.json"]


def test_an_engine_that_does_not_run_is_not_started(engine):
    engine.running = False
    assert not engine.contribute("gaudi", HABANA).restarted
    assert engine.started_with == []


def test_check_mode_predicts_and_writes_nothing(engine):
    outcome = engine.contribute("gaudi", HABANA, check_mode=True)
    assert (outcome.changed, outcome.restarted, outcome.config) == (True, True, HABANA)
    assert tree(engine.directory) == {}
    assert engine.started_with == []


def test_check_mode_on_a_bare_host(engine):
    engine.installed = engine.running = False
    assert engine.contribute("gaudi", HABANA, check_mode=True).changed
    with pytest.raises(FleetError, match="there is no engine"):
        engine.contribute("gaudi", HABANA)


def test_what_the_engine_refuses_is_never_written(engine):
    engine.contribute("docker", {"debug": True})
    before = tree(engine.directory)
    engine.complaint = "unknown option: dreams"
    for check_mode in (True, False):
        with pytest.raises(FleetError, match=r"gaudi contributes: unknown option: dreams.*daemon.json is as it was"):
            engine.contribute("gaudi", {"dreams": 5}, check_mode)
    assert tree(engine.directory) == before


def test_live_restore_is_refused_in_a_swarm(engine):
    assert engine.contribute("docker", {"live-restore": True}).restarted
    engine.swarm = True
    with pytest.raises(FleetError, match="live-restore is set"):
        engine.contribute("gaudi", HABANA)
    assert engine.contribute("docker", {"live-restore": False}).restarted


def test_contradicting_contributors_are_named(engine):
    engine.contribute("nvidia", {"default-runtime": "nvidia"})
    with pytest.raises(FleetError, match='gaudi wants default-runtime: "habana" and nvidia wants default-runtime'):
        engine.contribute("gaudi", {"default-runtime": "habana"})


@pytest.mark.parametrize("name", ["", "../docker", "Gaudi", "a/b"])
def test_a_name_that_is_no_file_name(engine, name):
    with pytest.raises(FleetError, match="its name is not made of"):
        engine.contribute(name, HABANA)


def test_the_last_good_file_is_back_when_the_engine_does_not_start(engine):
    engine.contribute("docker", {"debug": True})
    before = tree(engine.directory)
    with pytest.raises(FleetError, match=r"does not start with it \(no such driver\).*is back, and the engine runs"):
        engine.contribute("gaudi", {"broken": True})
    assert tree(engine.directory) == before
    assert engine.started_with[-1] == {"debug": True}


def test_no_file_is_back_where_there_was_none(engine):
    with pytest.raises(FleetError, match="is back"):
        engine.contribute("gaudi", {"broken": True})
    assert tree(engine.directory) == {}


def test_an_engine_that_was_broken_before_is_not_called_well(engine):
    (engine.directory / "daemon.json").write_text(json.dumps({"broken": True}))
    with pytest.raises(FleetError, match=r"nor with the last good .*journalctl"):
        engine.contribute("gaudi", HABANA)


@pytest.fixture
def killed(engine, monkeypatch):
    """An engine that ran with ``debug`` when gaudi's contribution of something broken was killed in its restart."""
    engine.contribute("docker", {"debug": True})
    with monkeypatch.context() as context:
        context.setattr(engine, "restart", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            engine.contribute("gaudi", {"broken": True})
    engine.running = False
    return engine


def test_a_run_that_was_killed_before_the_engine_was_back_is_finished(killed):
    assert not read_files(killed.directory).settled
    outcome = killed.contribute("gaudi", HABANA)
    assert (outcome.changed, outcome.restarted) == (True, True)
    assert killed.started_with[-1] == {"debug": True, **HABANA}
    assert read_files(killed.directory).settled


def test_what_a_killed_run_left_behind_belongs_to_nobody_and_goes(killed):
    assert killed.contribute("docker", {"debug": True}).restarted
    assert read_files(killed.directory).config == {"debug": True}


def test_after_a_killed_run_the_good_file_is_the_one_before_it(killed):
    with pytest.raises(FleetError, match="is back, and the engine runs"):
        killed.contribute("gaudi", {"broken": "otherwise"})
    assert read_files(killed.directory).config == {"debug": True}


def test_passwords_are_shown_nowhere_and_root_alone_reads_them(engine):
    engine.contribute("docker", {"proxies": {"http-proxy": "http://joe:first@proxy:3128"}})
    outcome = engine.contribute("docker", {"proxies": {"http-proxy": "http://joe:second@proxy:3128"}})
    assert "first" not in repr(outcome)
    assert "second" not in repr(outcome)
    assert "(a secret in it is another one)" in outcome.diff[0]["after"]
    for path in engine.directory.rglob("*.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "second" in (engine.directory / "daemon.json").read_text()


def test_settled_says_whether_everything_contributed_is_there(engine):
    engine.contribute("gaudi", HABANA)
    assert read_files(engine.directory).settled
    assert read_files(engine.directory).digests == {"gaudi": digest(HABANA)}
    (engine.directory / "daemon.json").write_text("{}")
    assert not read_files(engine.directory).settled


def looks(monkeypatch, answers):
    """Commands answer by their first two words; the rest succeed without a word."""
    asked = []

    def look(*command, **_timeout):
        asked.append(command)
        return answers.get(command[:2], Outcome(0, "", ""))

    monkeypatch.setattr(daemon_restart, "look", look)
    return asked


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome(0, "", "configuration OK"), ""),
        (Outcome(125, "", "unknown flag: --validate\nSee 'dockerd --help'."), ""),
        (Outcome(1, "", "unable to configure the Docker daemon: hosts given twice"), "hosts given twice"),
    ],
)
def test_the_engine_is_asked_with_its_own_flags(monkeypatch, outcome, reason):
    asked = looks(monkeypatch, {("dockerd", "--validate"): outcome})
    monkeypatch.setattr(daemon_restart, "_running_flags", lambda: ["-H", "fd://"])
    assert daemon_restart.refusal("{}") == reason
    assert asked[0][-2:] == ("-H", "fd://")


def test_an_engine_that_does_not_restart_says_why(monkeypatch):
    looks(monkeypatch, {("systemctl", "restart"): Outcome(1, "", "Job for docker.service failed")})
    monkeypatch.setattr(daemon_restart, "why_it_failed", lambda _unit: "no such driver")
    assert daemon_restart.restart() == "no such driver"


def test_an_engine_that_starts_but_does_not_answer_is_not_back(monkeypatch):
    looks(monkeypatch, {})
    monkeypatch.setattr(daemon_restart, "engine_get", lambda _resource: None)
    monkeypatch.setattr(daemon_restart, "why_it_failed", lambda _unit: "it crashed")
    monkeypatch.setattr(daemon_restart, "ANSWERS_WITHIN", 0.3)
    assert daemon_restart.restart() == "it crashed"
