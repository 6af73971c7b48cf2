# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand in ``fleet.yml``: the keys of each part, with what they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..quantize.calibration_target import GENERATIONS
from ..quantize.schemes import ACCELERATORS

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SIZE = re.compile(r"\d+(\.\d+)?[bkmgBKMG]?")


@dataclass(frozen=True)
class Key:
    """What may stand at one key."""

    kind: str  # one of reading.KINDS
    told: str = ""  # what it is, in Markdown
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    planned: bool = False  # the plan itself depends on it, so that no template can stand there


MODEL = {
    "repo_id": Key("a string", "Its repository on the hub.", required=True, pattern=REPO_ID),
    "revision": Key("a string", "A commit, or a branch or tag.", default="main"),
    "family": Key(
        "a string",
        "What the store files it under; what is known of the family decides the default contract.",
        required=True,
        pattern=NAME,
    ),
    "formats": Key(
        "a list of strings",
        "Which files of weights are taken, of `safetensors`, `bin`, `pt` and `gguf`.",
        default=["safetensors"],
    ),
    "quantization": Key(
        "a string",
        "What is made of it before it is stored: with `fp8_dynamic` 8-bit floats and a scale for each row of weights, "
        "half the memory; for NVIDIA GPUs from Ada and Hopper on, and for CPUs. `inc_fp8` is that for Gaudi, measured "
        "on one generation of it; the revision must be a commit.",
        choices=tuple(ACCELERATORS),
        planned=True,
    ),
    "size_gib": Key("a number", "How much disk it needs on a host; preflight looks whether that is free."),
}
SERVICE = {
    "model": Key("a string", "The name of one of the models.", required=True, planned=True),
    "hosts": Key("a list of strings", "Its replicas, one on each of these hosts.", required=True, planned=True),
    "image": Key("a string", "Container image with vLLM, best by digest.", required=True),
    "accelerator": Key(
        "a string", "What it runs on.", default="nvidia", choices=("nvidia", "gaudi", "cpu"), planned=True
    ),
    "device_generation": Key(
        "a string",
        "Which Gaudi these are, where the model is `inc_fp8`, whose scales fit one of them only.",
        choices=GENERATIONS,
        planned=True,
    ),
    "devices": Key("a list of device numbers", "The devices on each host; none with `cpu`.", default=[], planned=True),
    "device_memory_gib": Key(
        "a number",
        "Memory of each device, or of a CPU's NUMA node; with it `playbooks/plan.yml` says what fits. "
        "Otherwise the host is asked, before anything is downloaded.",
    ),
    "served_model_name": Key("a string", "The id that clients ask for; the model's name where omitted.", planned=True),
    "api_key": Key("a string", "The key that its instances ask the gateway for."),
    "max_model_len": Key("a whole number", "Longest context, in tokens."),
    "dtype": Key("a string", "`--dtype`."),
    "tensor_parallel_size": Key("a whole number", "`--tensor-parallel-size`; the number of devices where omitted."),
    "gpu_memory_utilization": Key("a number", "`--gpu-memory-utilization`, from 0 to 1."),
    "kv_cache_dtype": Key("a string", "`--kv-cache-dtype`."),
    "kv_cache_gib": Key("a whole number", "Room for the KV cache, with `cpu`; what the host has for it where omitted."),
    "max_num_seqs": Key("a whole number", "`--max-num-seqs`."),
    "max_num_batched_tokens": Key("a whole number", "`--max-num-batched-tokens`."),
    "enforce_eager": Key("true or false", "`--enforce-eager`: it starts sooner, and is slower."),
    "trust_remote_code": Key("true or false", "`--trust-remote-code`: code of the model's repository is run."),
    "tool_call_parser": Key(
        "a string", "How the model's tool calls are found in its text; with it, it may call tools of its own accord."
    ),
    "reasoning_parser": Key("a string", "`--reasoning-parser`."),
    "chat_template": Key("a string", "A file in the image, or the template itself."),
    "extra_args": Key("a list of strings", "More arguments of `vllm serve`.", default=[]),
    "environment": Key("a mapping of strings", "More of its environment.", default={}),
    "shm_size": Key("a string", "Size of `/dev/shm`, such as `2g`.", pattern=SIZE),
    "contract": Key(
        "a list of strings",
        "What it must do ([openai_contract](plugins/openai_contract.md)); else what flags and family promise.",
        planned=True,
    ),
    "start_timeout": Key("a whole number", "How long it may take to become healthy, in seconds.", default=900),
}
GATEWAY = {
    "hosts": Key("a list of strings", "Where it runs.", required=True, planned=True),
    "port": Key("a whole number", "The port that it publishes.", default=4000),
}
OVERLAY = {
    "managers": Key(
        "a list of strings",
        "The swarm's managers; the first host, or the first three of three or more, where omitted.",
        required=True,
        planned=True,
    )
}
TOP = ("plugin", "models", "defaults", "services", "gateway", "overlay", "publisher")
