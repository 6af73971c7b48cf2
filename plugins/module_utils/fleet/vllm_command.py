# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service's keys become an instance of vLLM: its arguments, environment and what its container needs.

Values are passed on as the objects that were loaded, never as parts of new strings: that is what keeps a reference such
as ``{{ vault_vllm_api_key }}`` a template that Ansible resolves when it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..artifacts.artifact import quantized_id
from .calibrated import arguments_for, as_served, environment_for

# Keys of a service that are flags of the same name.
VALUE_FLAGS = (
    "dtype",
    "max_model_len",
    "gpu_memory_utilization",
    "kv_cache_dtype",
    "max_num_seqs",
    "max_num_batched_tokens",
    "reasoning_parser",
    "chat_template",
)
SWITCHES = ("enforce_eager", "trust_remote_code")

COMMON_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}


def arguments(service: Mapping[str, Any], model: Mapping[str, Any], served_model_name: str) -> list[Any]:
    """What follows ``vllm serve``."""
    service = as_served(service, model)
    words = [model_id(model), "--revision", model["revision"], "--served-model-name", served_model_name]
    parallel = service["tensor_parallel_size"] or len(service["devices"])
    if parallel != 1 and parallel:
        words += ["--tensor-parallel-size", parallel]
    for key in VALUE_FLAGS:
        if service[key] is not None:
            words += [_flag(key), service[key]]
    words += arguments_for(model)
    words += [_flag(key) for key in SWITCHES if service[key]]
    if service["tool_call_parser"]:
        words += ["--enable-auto-tool-choice", "--tool-call-parser", service["tool_call_parser"]]
    # Numbers become text; text stays the object that was loaded.
    return [word if isinstance(word, str) else str(word) for word in words + list(service["extra_args"])]


def model_id(model: Mapping[str, Any]) -> Any:
    """What vLLM finds it under in a host's cache; ``model`` has the keys of the schema."""
    return quantized_id(model["repo_id"], model["quantization"]) if model["quantization"] else model["repo_id"]


def container(service: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """What the container needs for its kind of accelerator: environment, devices, capabilities and shared memory."""
    devices = [str(device) for device in service["devices"]]
    by_kind: dict[str, dict[str, Any]] = {
        "nvidia": {"gpus": devices, "ipc": "host"},
        "gaudi": {
            "runtime": "habana",
            "cap_add": ["SYS_NICE"],
            "ipc": "host",
            "environment": {
                "HABANA_VISIBLE_DEVICES": ",".join(devices),
                "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
                "PT_HPU_ENABLE_LAZY_COLLECTIVES": "true",
            },
        },
        "cpu": {
            "cap_add": ["SYS_NICE"],
            "security_opt": ["seccomp=unconfined"],
            "environment": _cpu_environment(service),
        },
    }
    needs = by_kind[service["accelerator"]]
    environment = {
        **COMMON_ENVIRONMENT,
        **needs.pop("environment", {}),
        **environment_for(service, model),
        **service["environment"],
    }
    if service["shm_size"]:
        needs["shm_size"] = service["shm_size"]
        needs.pop("ipc", None)
    return {**needs, "environment": environment}


def _cpu_environment(service: Mapping[str, Any]) -> dict[str, Any]:
    environment = {}
    if service["kv_cache_gib"] is not None:
        environment["VLLM_CPU_KVCACHE_SPACE"] = str(service["kv_cache_gib"])
    if service["enforce_eager"]:
        # vLLM compiles the ranks of logprobs even so: whoever asks for them first waits half a minute, and others too.
        environment["TORCH_COMPILE_DISABLE"] = "1"
    return environment


def _flag(key: str) -> str:
    return "--" + key.replace("_", "-")
