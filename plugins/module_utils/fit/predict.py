# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a model under given flags on given devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..sizes import GIB
from .alike import Alike
from .divisibility import why_not
from .flags import Flags
from .kv_cache import KvCache, kv_cache
from .memory import Budget, Device, budget
from .model_config import ModelConfig
from .pages import pages_of
from .weights import weight_bytes

YES, TIGHT, NO, UNKNOWN = "yes", "tight", "no", "unknown"


@dataclass(frozen=True)
class Case:
    """A model, how it is started, and what it is given; nothing is known of the devices where there are none."""

    model: ModelConfig
    tensors: tuple[Alike, ...]
    flags: Flags
    devices: tuple[Device, ...]
    features: tuple[str, ...] = ()  # instruction sets of a CPU
    spare: tuple[Device, ...] | None = None  # devices of the host that no service is on; None: it was not asked


@dataclass(frozen=True)
class Prediction:
    """``fits`` is ``tight`` where only the estimated part of the memory decides: such a start may fail.

    Where nothing is known of the devices, ``budgets`` say what is taken of them, and ``blocks`` what holds in any case.
    """

    fits: str
    cause: str  # why it does not, or may not
    max_model_len: int
    budgets: tuple[Budget, ...]  # of each device; none where it cannot be divided so
    cache: KvCache | None
    blocks: int
    longest: int  # context that would fit, up to what the model was made for

    @property
    def tokens(self) -> int:
        """What vLLM will log as the size of its cache."""
        return self.cache.tokens(self.blocks, self.max_model_len) if self.cache else 0

    @property
    def concurrency(self) -> float:
        """Requests of ``max_model_len`` tokens at a time."""
        return self.cache.concurrency(self.blocks, self.max_model_len) if self.cache else 0.0


def predict(case: Case) -> Prediction:
    """What vLLM would do."""
    model, flags = case.model, case.flags
    length = flags.max_model_len or model.max_model_len
    refused = _why_refused(case, length)
    if refused:
        return Prediction(NO, refused, length, (), None, 0, 0)
    there = case.devices or (Device(0, 0),)
    placed = [there[rank % len(there)] for rank in range(flags.ranks)]
    weights = weight_bytes(case.tensors, model, flags)
    budgets = [
        budget(device, weights[rank // flags.tensor_parallel_size], model, flags) for rank, device in enumerate(placed)
    ]
    batched = flags.batched_tokens(min(device.usable(flags.accelerator) for device in placed))
    pages = pages_of(model, flags, case.features)
    cache = kv_cache(pages, len(model.layers), flags.pipeline_parallel_size, flags.in_flight * batched)
    blocks = cache.blocks(_spaces([each.kv_cache for each in budgets], flags))
    fits, cause = (
        _verdict(cache, budgets, length, flags) if case.devices else (UNKNOWN, "nobody said what memory there is")
    )
    longest = cache.longest(blocks, model.longest)
    return Prediction(fits, cause, length, tuple(budgets), cache, blocks, longest)


def _why_refused(case: Case, length: int) -> str:
    flags, model = case.flags, case.model
    odd = why_not(model, flags)
    if odd:
        return odd
    if case.devices and not flags.cpu and len(case.devices) < flags.ranks:
        return f"it needs {flags.ranks} devices and has {len(case.devices)}"
    if length > model.longest:
        return f"it was made for {model.longest} tokens, and max_model_len asks for {length}"
    return ""


def _spaces(left: Sequence[int], flags: Flags) -> list[int]:
    """The bytes for the cache that every device of a stage has, for each stage."""
    parallel = flags.tensor_parallel_size
    return [max(0, min(left[first : first + parallel])) for first in range(0, len(left), parallel)]


def _verdict(cache: KvCache, budgets: Sequence[Budget], length: int, flags: Flags) -> tuple[str, str]:
    for fits, beyond in ((NO, [each.least for each in budgets]), (TIGHT, [each.requested for each in budgets])):
        for device in dict.fromkeys(each.device for each in budgets):
            # Several processes may run on one NUMA node.
            taken = sum(amount for each, amount in zip(budgets, beyond) if each.device == device)
            if taken > device.memory:
                return fits, _too_much(device, [each for each in budgets if each.device == device], taken)
    needed = cache.needed(length)
    for fits, left in ((NO, [each.most for each in budgets]), (TIGHT, [each.kv_cache for each in budgets])):
        for stage, (space, need) in enumerate(zip(_spaces(left, flags), needed)):
            if space < need:
                short = min(budgets[stage * flags.tensor_parallel_size :][: flags.tensor_parallel_size], key=_left)
                return fits, _why(short, space, need, length)
    return YES, ""


def _left(each: Budget) -> int:
    return each.kv_cache


def _too_much(device: Device, here: Sequence[Budget], taken: int) -> str:
    cache = sum(each.kv_cache for each in here)
    there = f"the {GIB.text(device.memory)} of device {device.index}"
    return f"{GIB.text(cache)} of KV cache and {GIB.text(taken - cache)} beside it are more than {there}"


def _why(short: Budget, space: int, need: int, length: int) -> str:
    device = f"device {short.device.index}"
    if short.weights > short.requested:
        return f"its weights take {GIB.text(short.weights)} of the {GIB.text(short.requested)} on {device}"
    return (
        f"a request of {length} tokens takes {GIB.text(need)} of the KV cache, for which {GIB.text(space)} are left of "
        f"the {GIB.text(short.requested)} on {device} beside {GIB.text(short.weights)} of weights"
    )
