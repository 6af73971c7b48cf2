#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contribute options to the engine's configuration, beside what others contribute."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_daemon_config
short_description: Contribute options to the engine's configuration, beside what others contribute
description:
  - Merges what one contributor wants into C(/etc/docker/daemon.json), object by object; a list is one value. What it
    contributed earlier and does not any more goes. Keys that no contributor owns stay as they are.
  - What each contributor contributed lies in C(/etc/docker/contributions/NAME.json), readable by root alone. An option
    that stood in the file already is owned by whoever contributes it from then on.
  - Two contributors that want different values of one option are refused, and so is V(live-restore) on a node of a
    swarm. C(dockerd --validate), with the flags that the engine runs with, must accept the configuration before the
    file is replaced.
  - The engine is restarted when its configuration changed and it runs, which interrupts its containers. When it does
    not come back, the last good file does, the engine is started with that, and the module fails with the cause. A
    run that was killed before the engine was back is finished by the next one.
  - Passwords in URLs, and options named like tokens, passwords or secrets, are shown nowhere. With such in it the file
    is readable by root alone.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
attributes:
  check_mode:
    support: full
    description: Predicts what a run does, also where there is no Docker yet.
  diff_mode:
    support: full
    description: Shows the changes of the configuration and of the contribution, without secrets.
options:
  contribution:
    description: Who contributes, made of a-z, 0-9, C(_) and C(-).
    type: str
    required: true
  config:
    description: All that it contributes, as in C(daemon.json). Nothing when it is empty.
    type: dict
    default: {}
  state:
    description: With V(absent) nothing is contributed any more, whatever O(config) says.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: The engine knows the runtime
  inference.fleet.docker_daemon_config:
    contribution: gaudi
    config:
      runtimes:
        habana:
          path: /usr/bin/habana-container-runtime
          runtimeArgs: []

- name: The engine does not know it any more
  inference.fleet.docker_daemon_config:
    contribution: gaudi
    state: absent
"""

RETURN = r"""
restarted:
  description: Whether the engine was restarted, or in check mode would be.
  returned: success
  type: bool
config:
  description: The engine's configuration afterwards, without secrets.
  returned: success
  type: dict
  sample:
    log-driver: local
    runtimes: {habana: {path: /usr/bin/habana-container-runtime, runtimeArgs: []}}
contributions:
  description: What each contributor contributes, without secrets.
  returned: success
  type: dict
  sample:
    docker: {log-driver: local}
    gaudi: {runtimes: {habana: {path: /usr/bin/habana-container-runtime, runtimeArgs: []}}}
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker.daemon_config import contribute
from ..module_utils.docker.daemon_merge import secrets
from ..module_utils.errors import FleetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "contribution": {"type": "str", "required": True},
            "config": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    module.no_log_values.update(secrets(module.params["config"]))
    config = module.params["config"] if module.params["state"] == "present" else {}
    try:
        outcome = contribute(module.params["contribution"], config, module.check_mode)
    except FleetError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**asdict(outcome))


if __name__ == "__main__":
    main()
