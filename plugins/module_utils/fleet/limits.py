# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of vLLM's flags and of model families, as data: for messages, not for decisions."""

from __future__ import annotations

from dataclasses import dataclass

# Flags that no longer exist (vLLM 0.33), and what to do instead.
REMOVED_FLAGS = {
    "--num-scheduler-steps": "vLLM schedules ahead by itself now; drop it",
    "--swap-space": "there is no swapping to CPU any more; drop it",
    "--disable-log-requests": "requests are not logged by default any more; drop it",
    "--max-seq-len-to-capture": "use --compilation-config",
    "--guided-decoding-backend": "use --structured-outputs-config",
}

# Flags that the plan sets from a key of the service.
OWNED_FLAGS = {
    "--model": "model",
    "--revision": "models.<name>.revision",
    "--served-model-name": "served_model_name",
    "--max-model-len": "max_model_len",
    "--dtype": "dtype",
    "--tensor-parallel-size": "tensor_parallel_size",
    "-tp": "tensor_parallel_size",
    "--gpu-memory-utilization": "gpu_memory_utilization",
    "--kv-cache-dtype": "kv_cache_dtype",
    "--max-num-seqs": "max_num_seqs",
    "--max-num-batched-tokens": "max_num_batched_tokens",
    "--enforce-eager": "enforce_eager",
    "--trust-remote-code": "trust_remote_code",
    "--tool-call-parser": "tool_call_parser",
    "--enable-auto-tool-choice": "tool_call_parser",
    "--reasoning-parser": "reasoning_parser",
    "--chat-template": "chat_template",
    "--api-key": "api_key",
    "--host": "nothing: instances listen inside the overlay network",
    "--port": "nothing: instances listen on port 8000 inside the overlay network",
}


@dataclass(frozen=True)
class Limit:
    """Something that a family of models that call tools cannot."""

    told: str
    beyond: tuple[str, ...] = ()  # the capabilities that this rules out


FAMILY_LIMITS = {
    "llama": Limit("Llama 3.x makes no parallel tool calls", ("tools_parallel",)),
    "mistral": Limit("Mistral 7B calls tools reliably only near temperature 0"),
    "hammer": Limit("Hammer takes no tool results back into the conversation", ("multi_turn_tools",)),
}

# Tokens of context up to which the tools of a request take much of it.
SHORT_CONTEXT = 8192

# Parsers whose models ship no chat template for tools.
PARSERS_WITH_TEMPLATE = ("llama3_json", "pythonic")
