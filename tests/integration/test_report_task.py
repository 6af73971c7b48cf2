# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a verification, written by a playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.report import examples

COLLECTIONS = str(Path(__file__).parents[2] / "collections")


class Playbook:
    """Writes the report of ``results`` to the folder ``artifacts`` beside itself."""

    def __init__(self, folder):
        self.artifacts = folder / "artifacts"
        self._folder = folder

    def run(self, results, *switches, folder="artifacts"):
        """What the task returned, and what the terminal showed."""
        (self._folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
        tasks = [
            {
                "inference.fleet.verification_report": {
                    "folder": folder,
                    "results": "{{ lookup('ansible.builtin.file', 'results.json') | from_json }}",
                },
                "register": "done",
                "ignore_errors": True,
            },
            {
                "ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": "{{ playbook_dir }}/done.json"},
                "check_mode": False,
                "diff": False,
            },
        ]
        here = {"hosts": "all", "gather_facts": False, "connection": "local"}
        play = [{**here, "vars": {"ansible_python_interpreter": sys.executable}, "tasks": tasks}]
        (self._folder / "play.yml").write_text(json.dumps(play), encoding="utf-8")
        env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS}
        done = subprocess.run(
            ["ansible-playbook", "-i", "somewhere,", *switches, str(self._folder / "play.yml")],
            cwd="/",
            env=env,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads((self._folder / "done.json").read_text(encoding="utf-8")), done.stdout


@pytest.fixture
def playbook(tmp_path):
    return Playbook(tmp_path)


def test_a_report_is_written_once(playbook):
    predicted, shown = playbook.run(examples.broken(), "--check", "--diff")
    assert predicted["changed"]
    assert not playbook.artifacts.exists()
    assert '+  "verdict": "does not serve"' in shown
    assert "+sha256:" in shown

    done, _shown = playbook.run(examples.broken())
    assert done["changed"]
    assert not done["failed"]
    assert done["verdict"] == "does not serve"
    assert done["counts"] == {"passed": 58, "failed": 6, "skipped": 11}
    assert {Path(path).name for path in done["paths"].values()} == {"report.html", "report.json", "junit.xml"}
    assert all(Path(path).parent == playbook.artifacts for path in done["paths"].values())
    assert sorted(path.name for path in playbook.artifacts.iterdir()) == ["junit.xml", "report.html", "report.json"]

    again, shown = playbook.run(examples.broken(), "--diff")
    assert not again["changed"]
    assert "---" not in shown


def test_what_differs_is_shown(playbook):
    playbook.run(examples.fleet())
    later = {**examples.fleet(), "finished_at": "2026-11-21T16:04:12Z"}
    done, shown = playbook.run(later, "--diff")
    assert done["changed"]
    assert '+  "finished_at": "2026-11-21T16:04:12Z"' in shown
    assert "junit.xml" not in shown


def test_bad_input_is_one_message(playbook):
    done, _shown = playbook.run({"endpoints": [{"ready": "yes"}]})
    assert done["failed"]
    assert done["msg"] == (
        "Failed to report a verification: results.endpoints[0].ready is 'yes', not true or false. Correct the results."
    )
    done, _shown = playbook.run({}, folder="play.yml")
    assert "play.yml/report.html" in done["msg"]
