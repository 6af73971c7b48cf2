# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as others install it: a tarball, used from a playbook that lies elsewhere."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (REPOSITORY / "roles").iterdir())


def run(*command: str, cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder with nothing but the installed tarball, and the environment in which Ansible finds it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    env = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    env |= {"ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_HOME": str(folder / "home")}
    run("ansible-galaxy", "collection", "build", "--output-path", str(folder), cwd=REPOSITORY, env=env)
    (tarball,) = folder.glob("inference-fleet-*.tar.gz")
    run(
        "ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", str(folder / "collections"),
        str(tarball), cwd=folder, env=env,
    )  # fmt: skip
    return folder, env


def test_the_tarball_holds_the_collection_and_nothing_of_the_checkout(elsewhere):
    folder, _env = elsewhere
    (tarball,) = folder.glob("inference-fleet-*.tar.gz")
    with tarfile.open(tarball) as archive:
        tops = {name.split("/")[0] for name in archive.getnames()}
    assert {"plugins", "roles", "playbooks", "README.md", "LICENSE"} <= tops
    assert not {name for name in tops if name.startswith(".")} | tops & {"collections"}


def test_a_role_is_used_from_a_playbook_elsewhere(elsewhere):
    folder, env = elsewhere
    roles = "".join(f"    - role: inference.fleet.{name}\n" for name in ROLES)
    (folder / "play.yml").write_text(f"- hosts: all\n  gather_facts: false\n  roles:\n{roles}", encoding="utf-8")
    run("ansible-playbook", "--syntax-check", "-i", "nowhere,", "play.yml", cwd=folder, env=env)


def test_an_inventory_elsewhere_is_planned(elsewhere):
    folder, env = elsewhere
    shown = run(
        "ansible-inventory", "-i", str(REPOSITORY / "inventories" / "prod"), "--graph", cwd=folder, env=env
    )  # fmt: skip
    assert "@serving:" in shown


def test_a_report_is_written_elsewhere(elsewhere):
    """Its templates are no Python: they must be in the tarball all the same."""
    folder, env = elsewhere
    (folder / "report.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        "    - inference.fleet.verification_report:\n        folder: artifacts\n        results: {}\n",
        encoding="utf-8",
    )
    run("ansible-playbook", "-i", "nowhere,", "report.yml", cwd=folder, env=env)
    assert "Nothing was verified" in (folder / "artifacts" / "report.html").read_text(encoding="utf-8")
