#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold OpenAI-compatible services to their contracts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openai_contract
short_description: Hold OpenAI-compatible services to what they are to do
description:
  - Sends real requests and checks what comes back, for each capability that a service's contract names.
  - Probes of structured output and of forced tool calls ask for something that the constraint forbids, so that a server
    which ignores the constraint and answers 200 is found out.
  - Tools are sent with C(strict), for without it vLLM does not constrain the arguments of a call. LiteLLM takes it out;
    behind it, vLLM needs C(--tool-strict-level=parameter).
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
  - inference.fleet.info.via
attributes:
  check_mode:
    support: full
    description: Changes nothing. A contract that is not kept is reported but is no failure.
options:
  services:
    description: What to ask, all at once.
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
      model:
        description: Model id to ask for.
        type: str
        required: true
      contract:
        description: What the service must do.
        type: list
        elements: str
        required: true
        choices:
          - completion
          - chat
          - stream
          - logprobs
          - context
          - json_object
          - json_schema
          - regex
          - choice
          - grammar
          - tools_named
          - tools_required
          - tools_auto
          - tools_stream
          - tools_parallel
          - multi_turn_tools
          - embeddings
      max_model_len:
        description: Longest context in tokens, for V(context); what the server's model list says where omitted.
        type: int
      container:
        description: Name of the container on this host in which the service runs, for O(record).
        type: str
      api_key:
        description: Bearer token, where the server wants one.
        type: str
      ca:
        description: Certificates to trust, in PEM form; the system's where omitted.
        type: str
  record:
    description:
      - Folder in which to keep what was proven of each O(services[].container). A contract that the very container has
        kept since it was started is not asked again.
    type: path
  timeout:
    description: How long one answer may take, in seconds.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: The service calls tools and keeps to schemas
  inference.fleet.openai_contract:
    via: overlay-anchor-gpu-a
    services:
      - name: vllm-0-hermes-gpu-a
        base_url: http://vllm-0-hermes-gpu-a:8000/v1
        model: hermes-3-8b
        api_key: "{{ vault_vllm_api_key }}"
        contract: [chat, stream, json_schema, tools_required, tools_auto]
"""

RETURN = r"""
services:
  description: What became of each service's contract. An outcome is V(pass), V(fail) or V(skip).
  returned: always
  type: list
  elements: dict
  sample:
    - name: vllm-0-hermes-gpu-a
      model: hermes-3-8b
      kept: true
      probes:
        - {capability: chat, outcome: pass, evidence: "'The capital of France is Paris.', 8 tokens", latency_s: 0.21}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import FleetError
from ..module_utils.serving.contract.capabilities import CAPABILITIES
from ..module_utils.serving.contract.run import hold, require_kept


def main() -> None:
    service = {
        "name": {"type": "str", "required": True},
        "base_url": {"type": "str", "required": True},
        "model": {"type": "str", "required": True},
        "contract": {"type": "list", "elements": "str", "required": True, "choices": list(CAPABILITIES)},
        "max_model_len": {"type": "int"},
        "container": {"type": "str"},
        "api_key": {"type": "str", "no_log": True},
        "ca": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True, "options": service},
            "via": {"type": "str", "default": ""},
            "record": {"type": "path"},
            "timeout": {"type": "float", "default": 120},
        },
        supports_check_mode=True,
    )
    params = module.params
    # A look that changes nothing leaves no record either.
    record = Path(params["record"]) if params["record"] and not module.check_mode else None
    results = []
    message = ""
    try:
        results = hold(params["services"], params["timeout"], params["via"], record)
        require_kept(results)
    except FleetError as error:
        message = str(error)
    if message and not module.check_mode:
        module.fail_json(msg=message, services=results)
    module.exit_json(changed=False, services=results)


if __name__ == "__main__":
    main()
