# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schemes by which models are quantized, and what is to be known of each."""

from __future__ import annotations

OWN = "fp8_dynamic"  # made here
GAUDI = "inc_fp8"  # measured on Gaudi; all others go through llm-compressor
LIKE_OWN = (OWN, "fp8_static", "fp8_block", "int8_w8a8")  # that take as much memory, but for scales
# What vLLM runs each of them on.
ACCELERATORS = {
    "fp8_dynamic": ("nvidia", "cpu"),
    "fp8_static": ("nvidia",),
    "fp8_block": ("nvidia",),
    "fp8_kv": ("nvidia", "cpu"),
    "int8_w8a8": ("nvidia", "cpu"),
    "w4a16": ("nvidia", "cpu"),
    "inc_fp8": ("gaudi",),
}
# Compute capabilities of the NVIDIA GPUs that vLLM runs each of them on: from one, and below another. Below 8.9 FP8 is
# unpacked to compute, which saves memory alone. Source: vLLM's documentation, "Supported Hardware".
COMPUTE_CAPABILITIES = {
    "fp8_dynamic": (7.5, 99.0),
    "fp8_static": (7.5, 99.0),
    "fp8_block": (7.5, 99.0),
    "fp8_kv": (8.9, 99.0),
    "int8_w8a8": (7.5, 10.0),
    "w4a16": (8.0, 99.0),
}
