# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vLLM leaves of a device for the KV cache. Weights are known exactly; the rest is estimated, generously."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .flags import GIB, Flags, element_bytes
from .model_config import ModelConfig

MIB = 2**20
# Of what `nvidia-smi` calls a device's memory, the driver keeps some: 561 MiB of an H100's 81559, 700 of an H200's.
DRIVER = {"nvidia": 768 * MIB, "gaudi": 0, "cpu": 0}
# Context, kernels and allocator of a process; buffers of the devices' exchange; captured graphs.
PROCESS = {"nvidia": GIB // 2, "gaudi": 2 * GIB}
EXCHANGE, GRAPHS = GIB, 3 * GIB // 4
CPU_PROCESS = 640 * MIB  # Python, PyTorch and vLLM, before any weight
SAMPLER = 5  # copies of the logits in float32 that sampling makes


@dataclass(frozen=True)
class Device:
    """A GPU, a Gaudi card, or a NUMA node of a CPU."""

    index: int
    memory: int  # bytes, as the vendor's tool tells them

    def usable(self, accelerator: str) -> int:
        """Bytes that vLLM calls its total."""
        return max(0, self.memory - DRIVER[accelerator])


@dataclass(frozen=True)
class Budget:
    """How one device's memory is spent; bytes."""

    device: Device
    requested: int  # the share that vLLM takes
    weights: int
    activations: int
    overhead: int
    kv_cache: int  # what is left for the cache; below 0 where nothing is
    most: int  # what would be left if nothing of it were estimated
    least: int  # what of the device the service takes for sure

    @property
    def taken(self) -> int:
        """All that the service takes of the device."""
        return self.weights + self.activations + self.overhead + max(0, self.kv_cache)


def budget(device: Device, weights: int, model: ModelConfig, flags: Flags) -> Budget:
    """How the memory of one ``device`` with ``weights`` bytes of the model is spent."""
    usable = device.usable(flags.accelerator)
    requested = math.ceil(usable * flags.utilization)
    activations = activation_bytes(model, flags, usable)
    overhead = _overhead(flags)
    estimated = activations + overhead
    if flags.cpu and flags.kv_cache_gib is not None:
        # Taken beside the rest, whatever the share: it is there, or the start fails.
        space = int(flags.kv_cache_gib) * GIB
        all_of_it = weights + estimated + space
        return Budget(device, all_of_it, weights, activations, overhead, space, space, weights + space)
    if flags.cpu and flags.enforce_eager:
        estimated = overhead  # nothing is run before the cache is made: activations come out of what is left beside it
    left = requested - weights - estimated
    return Budget(device, requested, weights, activations, overhead, left, requested - weights, requested)


def activation_bytes(model: ModelConfig, flags: Flags, device_bytes: int) -> int:
    """The peak of a forward pass over the largest batch, or of sampling for the most requests; weights aside."""
    tokens, sequences = flags.batched_tokens(device_bytes), flags.sequences(device_bytes)
    element, parallel = element_bytes(model, flags), flags.tensor_parallel_size
    wide = 3 * model.intermediate_size // parallel
    if model.experts:
        expert = 3 * model.expert_size // parallel + model.hidden_size
        wide = max(wide, model.experts_per_token * expert)
    forward = tokens * (2 * model.hidden_size + wide) * element
    sampling = min(sequences, tokens) * model.vocab_size * (element + SAMPLER * 4)
    return max(forward, sampling)


def _overhead(flags: Flags) -> int:
    if flags.cpu:
        return CPU_PROCESS
    exchange = EXCHANGE if flags.ranks > 1 else 0
    return PROCESS[flags.accelerator] + exchange + (0 if flags.enforce_eager else GRAPHS)
