# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vLLM says of itself at /metrics: whether a silent engine is busy or hangs, and what its cache holds."""

from __future__ import annotations

import re
from typing import NamedTuple

SAMPLE = re.compile(
    r"^vllm:(num_requests_running|num_requests_waiting|generation_tokens_total|prompt_tokens_total)"
    r"(?:\{[^}]*\})?\s+(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*$",
    re.MULTILINE,
)
CACHE = re.compile(r'^vllm:cache_config_info\{[^}\n]*\bkv_cache_size_tokens="(\d+)"', re.MULTILINE)


class Load(NamedTuple):
    """Sums over all engines behind the endpoint."""

    running: int  # requests
    waiting: int  # requests
    tokens: int  # taken in and generated since the start


def parse_load(text: str) -> Load | None:
    """What ``text`` in Prometheus' format says; None where it is not of a vLLM."""
    sums: dict[str, float] = {}
    for name, value in SAMPLE.findall(text):
        sums[name] = sums.get(name, 0.0) + float(value)
    if "num_requests_running" not in sums or "generation_tokens_total" not in sums:
        return None
    tokens = sums["generation_tokens_total"] + sums.get("prompt_tokens_total", 0.0)
    return Load(int(sums["num_requests_running"]), int(sums.get("num_requests_waiting", 0)), int(tokens))


def parse_cache_tokens(text: str) -> int | None:
    """The tokens that the KV caches of all engines hold, as vLLM logged them; None where it does not say."""
    found = [int(tokens) for tokens in CACHE.findall(text)]
    return sum(found) if found else None


def stands_still(before: Load, after: Load) -> bool:
    """Whether there was work all along and none of it was done: a hung engine, not a busy one."""
    return before.running > 0 and after.running > 0 and after.tokens == before.tokens
