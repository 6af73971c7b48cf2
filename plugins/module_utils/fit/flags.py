# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service is started: the flags of vLLM that decide about memory, under their names in ``fleet.yml``."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FleetError
from .model_config import ModelConfig

GIB = 2**30
DTYPES = {"bfloat16": 2, "float16": 2, "half": 2, "float32": 4, "float": 4}  # bytes of an element
CACHE_DTYPES = {**DTYPES, "fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1, "fp8_inc": 1}
UTILIZATION = 0.92


@dataclass(frozen=True)
class Flags:
    """Those that are None (or empty) are left to vLLM."""

    accelerator: str = "nvidia"
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    kv_cache_dtype: str = ""
    kv_cache_gib: float | None = None
    quantization: str = ""
    dtype: str = ""
    block_size: int | None = None
    enforce_eager: bool = False

    @property
    def cpu(self) -> bool:
        return self.accelerator == "cpu"

    @property
    def ranks(self) -> int:
        """Devices that share the model."""
        return self.tensor_parallel_size * self.pipeline_parallel_size

    @property
    def utilization(self) -> float:
        return UTILIZATION if self.gpu_memory_utilization is None else self.gpu_memory_utilization

    @property
    def in_flight(self) -> int:
        """Batches under way at a time: one per stage, and on accelerators one that is prepared meanwhile."""
        return self.pipeline_parallel_size + (0 if self.cpu else 1)

    def batched_tokens(self, device_bytes: int) -> int:
        """Most tokens of a batch, on devices of this size."""
        if self.max_num_batched_tokens is not None:
            return self.max_num_batched_tokens
        if self.cpu:
            return 2048 * self.ranks
        return 16384 if device_bytes >= 160 * GIB else 8192 if device_bytes >= 70 * GIB else 2048

    def sequences(self, device_bytes: int) -> int:
        """Most requests of a batch, on devices of this size."""
        if self.max_num_seqs is not None:
            return self.max_num_seqs
        if self.cpu:
            return 128 * self.ranks
        return 1024 if device_bytes >= 70 * GIB else 256


def element_bytes(model: ModelConfig, flags: Flags) -> int:
    """Bytes of what the model computes with."""
    given = flags.dtype if flags.dtype not in ("", "auto") else model.dtype
    if given == "float32" and flags.dtype in ("", "auto"):
        given = "bfloat16"  # vLLM halves such models unless it is told
    return _bytes_of(given or "bfloat16", DTYPES, "dtype")


def cache_element_bytes(model: ModelConfig, flags: Flags) -> int:
    """Bytes of a key's or value's element in the cache."""
    given = flags.kv_cache_dtype if flags.kv_cache_dtype not in ("", "auto") else model.kv_cache_dtype
    return _bytes_of(given, CACHE_DTYPES, "kv_cache_dtype") if given else element_bytes(model, flags)


def _bytes_of(dtype: str, known: dict[str, int], option: str) -> int:
    if dtype not in known:
        raise FleetError(
            f"Failed to account for {option} {dtype}", "its size is not known", f"Known are {', '.join(known)}."
        )
    return known[dtype]
