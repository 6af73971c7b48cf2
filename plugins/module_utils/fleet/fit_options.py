# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a service decides how much memory it takes, as the module vllm_fit takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..arguments import words_of
from .calibrated import arguments_for, as_served

# Keys of a service that vllm_fit knows under the same name.
SAME = (
    "accelerator",
    "devices",
    "device_generation",
    "device_memory_gib",
    "tensor_parallel_size",
    "max_model_len",
    "max_num_seqs",
    "max_num_batched_tokens",
    "gpu_memory_utilization",
    "kv_cache_dtype",
    "kv_cache_gib",
    "dtype",
    "enforce_eager",
)
# Flags without a key of their own, that stand in extra_args.
ARGUMENTS = {
    "--pipeline-parallel-size": "pipeline_parallel_size",
    "-pp": "pipeline_parallel_size",
    "--block-size": "block_size",
    "--quantization": "quantization",
    "-q": "quantization",
}


def fit_options(service: Mapping[str, Any], model: Mapping[str, Any], instance: str) -> dict[str, Any]:
    """One of the ``services`` of vllm_fit, for the ``instance`` of ``service`` with ``model`` (keys of the schema)."""
    service = as_served(service, model)
    known = {key: service[key] for key in SAME if service[key] is not None}
    space = service["environment"].get("VLLM_CPU_KVCACHE_SPACE")
    return {
        "name": instance,
        **{key: model[key] for key in ("repo_id", "revision", "family", "formats")},
        **({"scheme": model["quantization"]} if model["quantization"] else {}),
        **known,
        **({} if space is None else {"kv_cache_gib": space}),
        "extra_args": list(service["extra_args"]),
        **dict(_given([*arguments_for(model), *service["extra_args"]])),
    }


def _given(arguments: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    words = words_of(arguments)
    for word, following in zip(words, words[1:]):
        if word in ARGUMENTS:
            yield ARGUMENTS[word], following
