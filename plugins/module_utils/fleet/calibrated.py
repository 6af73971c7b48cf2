# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service needs whose model was calibrated for its devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..artifacts.artifact import quantized_id
from ..quantize.calibration_target import CACHE_DTYPE, Calibration, quant_config
from ..quantize.schemes import GAUDI


def calibration(service: Mapping[str, Any]) -> Calibration:
    """What a calibrated model of ``service``, which has the keys of the schema, must be for."""
    return Calibration(str(service["device_generation"]), max(1, len(service["devices"])))


def as_served(service: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of ``service`` with what its ``model`` decides about them."""
    if model["quantization"] != GAUDI:
        return dict(service)
    return {**service, "dtype": service["dtype"] or "bfloat16", "kv_cache_dtype": CACHE_DTYPE}


def arguments_for(model: Mapping[str, Any]) -> list[str]:
    """More of `vllm serve`."""
    return ["--quantization", "inc"] if model["quantization"] == GAUDI else []


def environment_for(service: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, str]:
    """More of its container."""
    if model["quantization"] != GAUDI:
        return {}
    name = quantized_id(model["repo_id"], GAUDI)
    return {"QUANT_CONFIG": quant_config(name, model["revision"], str(service["device_generation"]))}


def target_of(service: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """What the ``models`` of modules say of it beside the keys of the schema."""
    if model["quantization"] != GAUDI:
        return {}
    target = calibration(service)
    return {"device_generation": target.generation, "tensor_parallel_size": target.parallel}
