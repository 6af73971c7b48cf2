#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until endpoints serve: healthy, the expected models listed, a token generated."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_health
short_description: Wait until vLLM instances or other OpenAI-compatible endpoints serve
description:
  - Asks all O(endpoints) at once. Each must answer C(/health), list its models and generate a token with each of them.
  - An HTTP 200 alone proves nothing, as a hung engine still answers health checks.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
attributes:
  check_mode:
    support: full
    description: Changes nothing. Waits for nothing, and an endpoint that does not serve is reported but is no failure.
  diff_mode:
    support: N/A
    description: Changes nothing.
options:
  endpoints:
    description: What to ask.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name for messages and results.
        type: str
        required: true
      base_url:
        description: URL of the API, V(/v1) included.
        type: str
        required: true
      models:
        description: Model ids that must be served and must generate.
        type: list
        elements: str
        required: true
      api_key:
        description: Bearer token, where the server wants one.
        type: str
      keyed:
        description: Whether a request with a wrong key must be refused.
        type: bool
        default: false
      ca:
        description: Certificates to trust, in PEM form; the system's where omitted.
        type: str
  via:
    description:
      - Name of a container on this host in whose network the requests are made; it must have a C(python3).
      - Where omitted, they are made from where the module runs.
    type: str
    default: ""
  timeout:
    description: How long to wait for all of them, in seconds. V(0) looks once.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: The instances of this host serve
  inference.fleet.vllm_health:
    via: overlay-anchor-gpu-a
    timeout: 300
    endpoints:
      - name: vllm-0-hermes-gpu-a
        base_url: http://vllm-0-hermes-gpu-a:8000/v1
        models: [hermes-3-8b]
        api_key: "{{ vault_vllm_api_key }}"
"""

RETURN = r"""
endpoints:
  description: What became of each endpoint.
  returned: always
  type: list
  elements: dict
  sample:
    - name: vllm-0-hermes-gpu-a
      ready: true
      models: [hermes-3-8b]
      answers: {hermes-3-8b: " Paris."}
      latency_s: 0.142
      error: ""
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import FleetError
from ..module_utils.serving.readiness import probe_endpoints, require_ready


def main() -> None:
    endpoint = {
        "name": {"type": "str", "required": True},
        "base_url": {"type": "str", "required": True},
        "models": {"type": "list", "elements": "str", "required": True},
        "api_key": {"type": "str", "no_log": True},
        "keyed": {"type": "bool", "default": False},
        "ca": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "endpoints": {"type": "list", "elements": "dict", "required": True, "options": endpoint},
            "via": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    timeout = 0 if module.check_mode else module.params["timeout"]
    outcomes = []
    try:
        outcomes = probe_endpoints(module.params["endpoints"], timeout, module.params["via"])
        require_ready(outcomes, timeout)
    except FleetError as error:
        if not module.check_mode:
            module.fail_json(msg=str(error), endpoints=outcomes)
    module.exit_json(changed=False, endpoints=outcomes)


if __name__ == "__main__":
    main()
