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
  - Follows all O(endpoints) at once, from the container's creation over loading and readiness to generating. Each must
    answer C(/health), list its models and generate a token with each of them.
  - An HTTP 200 alone proves nothing, as a hung engine still answers health checks. Where a generation takes too long,
    C(/metrics) tells a hung engine from a busy one.
  - The wait ends early where it is pointless, because the container died or was restarted (its log says why), the
    engine is dead or hangs, the key is wrong, the model list lacks what is expected, or nothing moves for
    O(stall_timeout).
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
  - inference.fleet.info.via
  - inference.fleet.progress
attributes:
  check_mode:
    support: full
    description: Changes nothing. Waits for nothing, and an endpoint that does not serve is reported but is no failure.
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
        default: []
      api_key:
        description: Bearer token, where the server wants one.
        type: str
      container:
        description:
          - Name of the container on this host in which the endpoint runs. Its state and its log are followed, too.
        type: str
      keyed:
        description: Whether a request with a wrong key must be refused.
        type: bool
        default: false
      ca:
        description: Certificates to trust, in PEM form; the system's where omitted.
        type: str
  timeout:
    description: How long to wait for all of them, in seconds. V(0) looks once.
    type: float
    default: 0
  stall_timeout:
    description: How long to wait while nothing moves, neither in what the endpoint answers nor in its container's log.
    type: float
    default: 300
  answer_timeout:
    description: How long health and model list may take, in seconds, for they need no engine.
    type: float
    default: 10
  generate_timeout:
    description: How long a few tokens may take, in seconds.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: The instances of this host serve
  inference.fleet.vllm_health:
    via: overlay-anchor-gpu-a
    timeout: 300
    endpoints:
      - name: vllm-0-hermes-gpu-a
        base_url: http://vllm-0-hermes-gpu-a:8000/v1
        container: vllm-0-hermes-gpu-a
        models: [hermes-3-8b]
        api_key: "{{ vault_vllm_api_key }}"
"""

RETURN = r"""
endpoints:
  description:
    - What became of each endpoint. RV(endpoints[].stage) is the last of V(absent), V(created), V(loading), V(ready) and
      V(generating) that it reached, RV(endpoints[].progress) the last thing that its container's log says it got done.
  returned: always
  type: list
  elements: dict
  contains:
    stage:
      description: How far it got.
      type: str
    progress:
      description: What its log says it got done.
      type: str
    kv_cache_tokens:
      description: How many tokens its KV cache holds, as vLLM says it; V(null) where it does not.
      type: int
  sample:
    - name: vllm-0-hermes-gpu-a
      base_url: http://vllm-0-hermes-gpu-a:8000/v1
      ready: true
      stage: generating
      models: [hermes-3-8b]
      answers: {hermes-3-8b: " Paris."}
      latency_s: 0.142
      version: 0.32.0
      kv_cache_tokens: 463184
      progress: server started
      error: ""
      next_step: ""
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import FleetError
from ..module_utils.progress_file import ProgressFile, Stages
from ..module_utils.serving.client import Endpoint
from ..module_utils.serving.health import check_health, require_ready
from ..module_utils.serving.look import Outcome, Patience


def main() -> None:
    endpoint = {
        "name": {"type": "str", "required": True},
        "base_url": {"type": "str", "required": True},
        "models": {"type": "list", "elements": "str", "default": []},
        "api_key": {"type": "str", "no_log": True},
        "container": {"type": "str"},
        "keyed": {"type": "bool", "default": False},
        "ca": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "endpoints": {"type": "list", "elements": "dict", "required": True, "options": endpoint},
            "via": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 0},
            "stall_timeout": {"type": "float", "default": 300},
            "answer_timeout": {"type": "float", "default": 10},
            "generate_timeout": {"type": "float", "default": 60},
            "progress_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    timeout = 0 if module.check_mode else params["timeout"]
    patience = Patience(timeout, params["stall_timeout"], params["answer_timeout"], params["generate_timeout"])
    outcomes: list[Outcome] = []
    message = ""
    try:
        endpoints = [Endpoint.of(options) for options in params["endpoints"]]
        stages = Stages(ProgressFile(params["progress_file"]))
        outcomes = check_health(
            endpoints, patience, params["via"], lambda seen: stages.reached(seen.name, seen.progress or seen.stage)
        )
        require_ready(outcomes, timeout)
    except FleetError as error:
        message = str(error)
    found = [asdict(outcome) for outcome in outcomes]
    if message and not module.check_mode:
        module.fail_json(msg=message, endpoints=found)
    module.exit_json(changed=False, endpoints=found)


if __name__ == "__main__":
    main()
