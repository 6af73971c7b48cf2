# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, through Ansible itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .test_description import FLEET, changed

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def inventory(tmp_path):
    """A folder with two hosts, and a function that describes a fleet on them."""
    hosts = {"all": {"hosts": {"gpu-a": {"address": "10.0.0.11"}, "gpu-b": {"ansible_host": "10.0.0.12"}}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")

    def described(text=None, **fleet):
        text = yaml.safe_dump(fleet or FLEET, sort_keys=False) if text is None else text
        (tmp_path / "fleet.yml").write_text(text, encoding="utf-8")
        return tmp_path

    return described


def ansible(command, *arguments):
    done = subprocess.run(
        [Path(sys.executable).with_name(command), *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def host_variables(folder, host):
    status, output = ansible("ansible-inventory", "-i", str(folder), "--host", host)
    assert status == 0, output
    return json.loads(output)


def test_hosts_get_their_slice_and_the_address_that_others_reach(inventory):
    folder = inventory()
    assert host_variables(folder, "gpu-a")["overlay_advertise_address"] == "10.0.0.11"
    assert host_variables(folder, "gpu-b")["overlay_advertise_address"] == "10.0.0.12"
    assert host_variables(folder, "gpu-b")["overlay_peers"] == ["overlay-anchor-gpu-a"]


def test_a_reference_is_resolved_when_it_is_used(inventory):
    folder = inventory(**changed(("services/hermes/api_key", "{{ vault_key }}")))
    status, output = ansible(
        *("ansible", "gpu-b", "-i", str(folder), "-m", "ansible.builtin.debug"),
        *("-a", "msg={{ vllm_services[0].api_key }}", "-e", "vault_key=resolved-late"),
    )
    assert status == 0, output
    assert "resolved-late" in output


def test_mistakes_stop_a_playbook_before_any_host_is_contacted(inventory):
    folder = inventory(**changed(("services/hermes/model", "hermes"), ("services/mistral/hosts", ["gpu-z"])))
    status, output = ansible("ansible-playbook", "site.yml", "-i", str(folder))
    assert status != 0
    assert "2 mistakes" in output
    assert "services.hermes.model: unknown model hermes; did you mean hermes-3-8b?" in " ".join(output.split())
    assert "UNREACHABLE" not in output


def test_what_is_no_yaml_is_not_walked_past(inventory):
    folder = inventory(text="plugin: inference.fleet.fleet\nmodels: [\n")
    (mistake,) = host_variables(folder, "gpu-a")["fleet_errors"]
    assert "fleet.yml" in mistake


def test_no_description_at_all_is_said(tmp_path):
    (tmp_path / "hosts.yml").write_text("all: {hosts: {gpu-a: }}", encoding="utf-8")
    status, output = ansible("ansible-playbook", "site.yml", "-i", str(tmp_path))
    assert status != 0
    assert "no fleet.yml was found" in output


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("prod", "vllm-0-hermes-gpu-b"),
        ("gaudi", "llm-vllm-model-server-gaudi-b"),
        ("cpu", "llm-vllm-model-server-cpu-b"),
    ],
)
def test_the_plan_is_printed_without_contacting_a_host(name, instance):
    status, output = ansible("ansible-playbook", "playbooks/plan.yml", "-i", f"inventories/{name}")
    assert status == 0, output
    assert instance in output
