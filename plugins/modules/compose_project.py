#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put a compose project's files in place and bring it up, or bring back what served before."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_project
short_description: A compose project with its files, up and healthy
description:
  - Puts the files of a compose project in place and brings it up, in one round trip.
  - Before a container is touched the files are checked, the images pulled and the trials run, so that a mistake found
    there stops nothing. An image for NVIDIA GPUs whose CUDA the loaded driver cannot run is such a mistake.
  - When a container then dies or does not become healthy, the files and containers that served before are brought back,
    and the message carries the root cause found in the container's state and log, with the next step.
  - A run that died on its way is noticed and finished by the next one. Containers that stopped, vanished, were changed
    by hand or are unhealthy are repaired.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.progress
attributes:
  check_mode:
    support: full
    description: Predicts what a run does, also where there is no Docker yet.
  diff_mode:
    support: full
    description: Shows the files' changes, but nothing of a secret file.
options:
  name:
    description: Name of the project.
    type: str
    required: true
  directory:
    description: Where its files lie. Files in it that are not listed are removed.
    type: path
    required: true
  state:
    description: Whether the project is there. With V(absent) its containers and its directory are removed.
    type: str
    choices: [present, absent]
    default: present
  files:
    description: The files; one of them is V(compose.yaml). Relative paths in it start at O(directory).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path inside O(directory).
        type: str
        required: true
      content:
        description: What it holds.
        type: str
        required: true
      mode:
        description: Its mode, as a quoted octal number.
        type: str
        default: "0644"
      owner:
        description: Its owner as V(uid:gid); root where omitted.
        type: str
  secret_files:
    description: Files whose content is never shown.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Path inside O(directory).
        type: str
        required: true
      content:
        description: What it holds.
        type: str
        required: true
      mode:
        description: Its mode, as a quoted octal number.
        type: str
        default: "0600"
      owner:
        description: Its owner as V(uid:gid), where a container that does not run as root reads it.
        type: str
  trials:
    description:
      - Commands that must accept changed files before they reach a running container, by service. Each runs in a
        throw-away container of its service.
    type: dict
    default: {}
  signals:
    description:
      - Signals that make a service read its files again, by service. Sent when files changed but its container did not.
    type: dict
    default: {}
  wait_timeout:
    description: How long the containers may take to become healthy, in seconds.
    type: float
    default: 600
"""

EXAMPLES = r"""
- name: Serve
  inference.fleet.compose_project:
    name: vllm
    directory: /opt/inference.fleet/vllm
    files:
      - path: compose.yaml
        content: "{{ lookup('ansible.builtin.template', 'compose.yaml.j2') }}"
    secret_files:
      - path: vllm-0.env
        content: "VLLM_API_KEY={{ vault_vllm_api_key }}\n"
    wait_timeout: 900
"""

RETURN = r"""
cause_id:
  description:
    - Which failure it was, the same whatever its names and numbers, to group failures by.
    - V(exception) for one that is not among those known, V(unknown) where the log does not tell, empty where no
      container was the cause.
  returned: failure
  type: str
  sample: kv_cache_too_small
actions:
  description: What was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [wrote compose.yaml, replaced vllm-0]
containers:
  description: The project's containers afterwards.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: vllm-0, service: vllm-0, image: "registry.example.com/vllm@sha256:0123", state: running, health: healthy}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.compose.files import wanted_files
from ..module_utils.compose.project import Outcome, Wanted, ensure_absent, ensure_present
from ..module_utils.errors import FleetError


def file_options(mode: str, secret: bool) -> dict[str, object]:
    """The suboptions of a file."""
    return {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": False,  # what a secret file holds is secret, not that there is one
        "options": {
            "path": {"type": "str", "required": True},
            "content": {"type": "str", "required": True, "no_log": secret},
            "mode": {"type": "str", "default": mode},
            "owner": {"type": "str"},
        },
    }


def run(module: AnsibleModule) -> Outcome:
    """Do what the parameters ask for."""
    name, directory = module.params["name"], Path(module.params["directory"])
    if module.params["state"] == "absent":
        return ensure_absent(name, directory, module.check_mode)
    wanted = Wanted(
        name=name,
        directory=directory,
        files=wanted_files(module.params["files"], module.params["secret_files"]),
        trials=module.params["trials"],
        signals=module.params["signals"],
        wait_timeout=module.params["wait_timeout"],
        progress_file=module.params["progress_file"],
    )
    return ensure_present(wanted, module.check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "files": file_options("0644", secret=False),
            "secret_files": file_options("0600", secret=True),
            "trials": {"type": "dict", "default": {}},
            "signals": {"type": "dict", "default": {}},
            "wait_timeout": {"type": "float", "default": 600},
            "progress_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        outcome = run(module)
    except FleetError as error:
        module.fail_json(msg=str(error), cause_id=error.cause_id)
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(changed=outcome.changed, actions=outcome.actions, containers=outcome.containers, diff=outcome.diff)


if __name__ == "__main__":
    main()
