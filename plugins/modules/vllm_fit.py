#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say whether models fit on the devices that they are to run on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_fit
short_description: Say whether models fit on the devices that they are to run on
description:
  - Computes for each service what its weights, KV cache, activations and vLLM itself take on every device, the largest
    context, and how many requests of O(services.max_model_len) tokens fit at a time. Where a service does not fit,
    it says which values in C(fleet.yml) would make it fit.
  - Reads C(config.json) and the headers of the safetensors files only, some kilobytes, so that it can be asked before a
    model is downloaded. They are read from O(cache_dir), else from O(store), else from the hub.
  - Weights and the KV cache are computed as vLLM 0.32 computes them. Activations and what vLLM itself takes are
    estimated; where only these decide, C(fits) is V(tight). On a CPU they are what was measured.
  - Pooling models, speculative decoding and adapters (LoRA) are not accounted for, nor are flags that move weights or
    caches elsewhere. The answer to a service with such a flag is V(unknown).
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
  - inference.fleet.store
  - inference.fleet.store.hub
options:
  store:
    required: false
  services:
    description: Services of one host. Those that name the same devices must fit beside each other.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: How it is called in the answer.
        type: str
        required: true
      repo_id:
        description: The model's repository on the hub.
        type: str
      revision:
        description: A commit, or a branch or tag.
        type: str
        default: main
      family:
        description: What the store files the model under; needed to look there.
        type: str
      formats:
        description: Which files of weights are taken, as in M(inference.fleet.hf_snapshot).
        type: list
        elements: str
        default: [safetensors]
      scheme:
        description: What is made of it before it is stored, as in M(inference.fleet.model_archive).
        type: str
      device_generation:
        description: Which Gaudi it runs on, with O(services.scheme=inc_fp8).
        type: str
      path:
        description: A folder with the model's files, instead of O(services.repo_id).
        type: path
      accelerator:
        description: What it runs on.
        type: str
        choices: [nvidia, gaudi, cpu]
        default: nvidia
      devices:
        description: Which of O(devices) it runs on; all of them if empty.
        type: list
        elements: int
        default: []
      device_memory_gib:
        description: Memory of each of its devices, where O(devices) and O(cpu) say nothing.
        type: float
      tensor_parallel_size:
        description: C(--tensor-parallel-size); the number of its devices if not given, and 1 on a CPU.
        type: int
      pipeline_parallel_size:
        description: C(--pipeline-parallel-size).
        type: int
        default: 1
      max_model_len:
        description: C(--max-model-len); what the model was made for if not given.
        type: int
      max_num_seqs:
        description: C(--max-num-seqs).
        type: int
      max_num_batched_tokens:
        description: C(--max-num-batched-tokens).
        type: int
      gpu_memory_utilization:
        description: C(--gpu-memory-utilization), on a CPU of the NUMA node's memory; vLLM takes 0.92 if not given.
        type: float
      kv_cache_dtype:
        description: C(--kv-cache-dtype).
        type: str
      kv_cache_gib:
        description:
          - Room for the KV cache, on a CPU (C(VLLM_CPU_KVCACHE_SPACE)).
          - Where neither this nor O(services.gpu_memory_utilization) is given, it is the room that
            M(inference.fleet.cpu_layout_info) finds, and the role C(cpu) gives.
        type: float
      quantization:
        description: C(--quantization); V(fp8) quantizes weights while they are loaded.
        type: str
      dtype:
        description: C(--dtype).
        type: str
      block_size:
        description: C(--block-size); vLLM takes 16, and 128 on a CPU, if not given.
        type: int
      enforce_eager:
        description: C(--enforce-eager), which captures no graphs.
        type: bool
        default: false
      extra_args:
        description: More arguments of C(vllm serve).
        type: list
        elements: str
        default: []
  devices:
    description:
      - The devices of the host, each with C(index) and C(memory_mib), as M(inference.fleet.accelerator_info) returns
        them; for services on a CPU its NUMA nodes, where O(cpu) is not given. Other keys are ignored.
    type: list
    elements: dict
    default: []
  cpu:
    description:
      - The host's CPU as M(inference.fleet.accelerator_info) returns it; services get cores and memory of it as
        M(inference.fleet.cpu_layout_info) shares them out. Some models keep their states differently where the CPU has
        C(avx512_bf16) or C(amx_tile).
    type: dict
  cpu_pin:
    description: As O(inference.fleet.cpu_layout_info#module:pin).
    type: bool
    default: true
  cpu_reserved_cores:
    description: As O(inference.fleet.cpu_layout_info#module:reserved_cores).
    type: int
  cpu_reserved_memory_gib:
    description: As O(inference.fleet.cpu_layout_info#module:reserved_memory_gib).
    type: float
  cache_dir:
    description: A Hugging Face cache to look for the models in.
    type: path
  hub:
    description: Whether the hub may be asked.
    type: bool
    default: true
  strict:
    description: Fail where a service does not fit.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: How much context does Llama 3.1 8B get on a GPU with 24 GB?
  inference.fleet.vllm_fit:
    devices:
      - index: 0
        memory_mib: 24564
    services:
      - name: llama
        repo_id: meta-llama/Llama-3.1-8B-Instruct
        revision: 0e9e39f249a16976918f6564b8830bc894c89659
        max_model_len: 131072
    hub_token: "{{ vault_hub_token }}"
  register: fit

- name: Say what would make it fit
  ansible.builtin.debug:
    msg: "{{ fit.services[0].next_step }}"

- name: Stop before anything is downloaded, where a service cannot fit
  inference.fleet.vllm_fit:
    devices: "{{ accelerator.devices }}"
    services:
      - name: vllm-4-hermes-long
        repo_id: NousResearch/Hermes-3-Llama-3.1-8B
        revision: 896ea440e5a9e6070e3d8a2774daf2b481ab425b
        devices: [4, 5]
        max_model_len: 131072
        gpu_memory_utilization: 0.9
    strict: true

- name: What does a CPU hold?
  inference.fleet.vllm_fit:
    devices:
      - index: 0
        memory_mib: 64000
    services:
      - name: smollm2
        path: /models/SmolLM2-135M-Instruct
        accelerator: cpu
        kv_cache_gib: 1
        max_model_len: 1024
    hub: false
"""

RETURN = r"""
services:
  description:
    - One entry for each service. C(fits) is V(yes), V(no), V(tight) (it may fail) or V(unknown), where C(cause)
      says why. What follows from the model alone is said even where nothing is known of the devices.
    - C(kv_cache_tokens) is what vLLM logs as its C(KV cache size), C(concurrency) its C(Maximum concurrency).
      C(largest_max_model_len) is the longest context that the cache holds, up to what the model was made for.
    - C(kv_bytes_per_token) is what each token takes on one device; layers with a window or a state take no more with
      each token, and are not in it.
    - C(devices) has bytes. C(requested) is the share that vLLM takes, C(headroom) what is left beside it.
    - Each of C(changes) has C(values) for C(fleet.yml) that make it fit, and what it is like then.
  returned: always
  type: list
  elements: dict
  sample:
    - name: llama
      model: meta-llama/Llama-3.1-8B-Instruct at 0e9e39f
      fits: "no"
      cause: >-
        a request of 131072 tokens takes 16.0 GiB of the KV cache, for which 6.4 GiB are left of the 21.4 GiB on
        device 0 beside 15.0 GiB of weights
      next_step: "Set max_model_len: 35840."
      max_model_len: 131072
      largest_max_model_len: 36832
      concurrency: 0.28
      kv_cache_tokens: 36848
      kv_cache_blocks: 2303
      kv_bytes_per_token: 131072
      block_size: 16
      devices:
        - index: 0
          memory: 25757220864
          requested: 22955761337
          weights: 16060522496
          activations: 722337792
          overhead: 1342177280
          kv_cache: 4830723769
          headroom: 2801459527
      changes:
        - values: {max_model_len: 35840}
          max_model_len: 35840
          concurrency: 1.03
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.artifacts.stores.options import STORE
from ..module_utils.errors import FleetError
from ..module_utils.fit.options import SERVICE, answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "services": {"type": "list", "elements": "dict", "required": True, "options": SERVICE},
            "devices": {"type": "list", "elements": "dict", "default": []},
            "cpu": {"type": "dict"},
            "cpu_pin": {"type": "bool", "default": True},
            "cpu_reserved_cores": {"type": "int"},
            "cpu_reserved_memory_gib": {"type": "float"},
            "cache_dir": {"type": "path"},
            "store": {**STORE, "required": False},
            "hub": {"type": "bool", "default": True},
            "strict": {"type": "bool", "default": False},
            "hub_url": {"type": "str"},
            "hub_token": {"type": "str", "no_log": True},
            "hub_ca": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        services = answer(module.params)
    except FleetError as error:
        module.fail_json(msg=str(error), services=[])
    refused = [service for service in services if service["fits"] == "no"]
    if refused and module.params["strict"]:
        told = (
            FleetError(f"{service['name']} does not fit", service["cause"], service["next_step"]) for service in refused
        )
        module.fail_json(msg="\n".join(str(error) for error in told), services=services)
    module.exit_json(changed=False, services=services)


if __name__ == "__main__":
    main()
