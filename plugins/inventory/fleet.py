# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The description of a fleet as an inventory source."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
short_description: Plans a fleet from its description
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
description:
  - Reads C(fleet.yml), which describes models, services and the gateway of a fleet.
  - Gives every host the variables of this collection's roles, and the groups C(fleet), C(serving), C(gateway),
    C(publisher), C(swarm_managers) and C(swarm_workers). Hosts that serve are in C(nvidia), C(gaudi) and C(cpu) by the
    accelerators of their services.
  - The hosts stand in C(hosts.yml) (or C(hosts.ini)) beside it, or in any inventory source that is read before it.
  - Mistakes are collected in the variable C(fleet_errors) of all hosts, never walked past; the role
    P(inference.fleet.preflight#role), with which every playbook begins, prints them together and stops.
  - Templates are resolved where the values are used, so secrets can stay references to a vault.
options:
  plugin:
    description: V(inference.fleet.fleet).
    type: str
    required: true
    choices: [inference.fleet.fleet]
"""

EXAMPLES = r"""
plugin: inference.fleet.fleet
models:
  hermes-3-8b:
    repo_id: NousResearch/Hermes-3-Llama-3.1-8B
    revision: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
    family: hermes
services:
  vllm-0-hermes:
    model: hermes-3-8b
    hosts: [gpu-a]
    devices: [0]
    image: vllm/vllm-openai@sha256:0123456789012345678901234567890123456789012345678901234567890123
    max_model_len: 131072
    tool_call_parser: hermes
    api_key: "{{ vault_vllm_api_key }}"
gateway:
  hosts: [gpu-a]
"""

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.plugins.loader import inventory_loader

from ..module_utils.fleet.description import describe
from ..module_utils.fleet.plan import plan

NAMES = ("fleet.yml", "fleet.yaml")
HOSTS = {"hosts.yml": "yaml", "hosts.yaml": "yaml", "hosts.ini": "ini", "hosts": "ini"}  # file beside it -> its plugin


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]  # Ansible ships no types
    """Hands every host its slice of the plan."""

    NAME = "inference.fleet.fleet"

    def verify_file(self, path: str) -> bool:
        """Whether ``path`` may be a description."""
        return bool(super().verify_file(path)) and Path(path).name in NAMES

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add groups and variables for the description at ``path``."""
        super().parse(inventory, loader, path, cache)
        try:
            raw = loader.load_from_file(path, cache="none", trusted_as_template=True)
        except AnsibleError as error:
            self._stop_with([f"{path}: {_one_line(error)}"])
            return
        # Ansible reads a folder's files in the order of their names, and hosts.yml comes after fleet.yml.
        for name, plugin in HOSTS.items():
            beside = Path(path).with_name(name)
            if beside.is_file():
                inventory_loader.get(plugin).parse(inventory, loader, str(beside), cache)
        fleet = describe(raw, inventory.hosts)
        inventory.set_variable("all", "fleet_warnings", [str(warning) for warning in fleet.warnings])
        self._stop_with([str(mistake) for mistake in fleet.mistakes])
        if fleet.mistakes:
            return
        made = plan(fleet, {name: _address(host) for name, host in inventory.hosts.items()})
        if fleet.publisher == "localhost" and "localhost" not in inventory.hosts:
            inventory.add_host("localhost")
            inventory.set_variable("localhost", "ansible_connection", "local")
            inventory.set_variable("localhost", "ansible_python_interpreter", sys.executable)
        for group, hosts in made.groups.items():
            inventory.add_group(group)
            for host in hosts:
                inventory.add_child(group, host)
        for host, variables in made.variables.items():
            for name, value in variables.items():
                inventory.set_variable(host, name, value)
        inventory.set_variable("all", "fleet_plan", {"services": made.services, "routes": made.routes})

    def _stop_with(self, mistakes: list[str]) -> None:
        self.inventory.set_variable("all", "fleet_errors", mistakes)


def _address(host: Any) -> Any:
    """Where the other hosts reach ``host``: what its variables say, as the object that was loaded."""
    variables = host.get_vars()
    return variables.get("address") or variables.get("ansible_host") or host.name


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
