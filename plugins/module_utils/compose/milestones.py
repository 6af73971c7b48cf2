# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an instance has got on its way up, from what vLLM logs."""

from __future__ import annotations

import re

# What vLLM logs on its way, and what that means; the latest line that matches counts.
MILESTONES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), told)
    for pattern, told in (
        (r"Starting to load model (?P<model>\S+?)(?:\.\.\.|$)", "loading {model}"),
        (r"Loading safetensors checkpoint shards:\s+\d+% Completed \| (?P<n>\d+)/(?P<m>\d+)", "weights {n} of {m}"),
        (r"Loading weights took (?P<s>[\d.]+) seconds", "weights loaded in {s} s"),
        (r"Available KV cache memory: (?P<size>[\d.]+ \w+)", "{size} for the KV cache"),
        (r"KV cache size: (?P<tokens>[\d,]+) tokens", "KV cache of {tokens} tokens"),
        (r"Capturing (?:CUDA|cudagraphs?|HPU|ACL).*?(?P<n>\d+)/(?P<m>\d+)", "graph capture {n} of {m}"),
        (r"Graph capturing finished in (?P<s>\d+) secs", "graphs captured in {s} s"),
        (r"\[Warmup\]\[(?P<kind>[^\]]+)\]\[(?P<n>\d+)/(?P<m>\d+)\]", "warm-up ({kind}) {n} of {m}"),
        (r"init engine .* took (?P<s>[\d.]+) ", "engine initialized in {s} s"),
        (r"Application startup complete", "server started"),
    )
)


def milestone(log: str) -> str:
    """The latest thing in ``log`` that vLLM got done."""
    for line in reversed(log.splitlines()):
        for pattern, told in MILESTONES:
            if match := pattern.search(line):
                return told.format(**match.groupdict())
    return ""
