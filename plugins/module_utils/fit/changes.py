# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest changes that make a model fit, as values for ``fleet.yml``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from .divisibility import sizes
from .flags import GIB, cache_element_bytes
from .layers import Latent
from .memory import Budget, Device
from .predict import NO, YES, Case, Prediction, predict

SHORTEST = 1024  # tokens; nobody wants a shorter context
MOST_DEVICES = 16
FULLEST = 0.95  # of a device; the rest goes to what vLLM does not account for


@dataclass(frozen=True)
class Change:
    """Values that would make it fit, and what it is like then."""

    values: dict[str, Any]
    prediction: Prediction


@dataclass(frozen=True)
class _Step:
    values: dict[str, Any]
    case: Case


def smallest_changes(case: Case) -> list[Change]:
    """Those of one value, else the first of two, that make it fit; what loses least comes first."""
    steps = list(_steps(case))
    found = [change for step in steps for change in _fitting(step)]
    if found:
        return found
    for first, second in combinations(steps, 2):
        both = [step for step in _steps(first.case) if step.values.keys() == second.values.keys()]
        found = [
            Change({**first.values, **change.values}, change.prediction) for step in both for change in _fitting(step)
        ]
        if found:
            return found[:1]
        shorter = [change for step in both for change in _shortened(step)]
        if shorter:
            return [Change({**first.values, **shorter[0].values}, shorter[0].prediction)]
    return []


def _fitting(step: _Step) -> list[Change]:
    prediction = predict(step.case)
    return [Change(step.values, prediction)] if prediction.fits == YES else []


def _shortened(step: _Step) -> list[Change]:
    """The change, with a shorter context where only that is missing."""
    longest = _round(predict(step.case).longest)
    if longest < SHORTEST:
        return []
    case = replace(step.case, flags=replace(step.case.flags, max_model_len=longest))
    return _fitting(_Step({**step.values, "max_model_len": longest}, case))


def _steps(case: Case) -> Iterator[_Step]:
    flags, model = case.flags, case.model
    now = predict(case)

    def changed(values: dict[str, Any], **fields: Any) -> _Step:
        return _Step(values, replace(case, flags=replace(flags, **fields)))

    if flags.cpu and flags.kv_cache_gib is not None and now.cache:
        needed = math.ceil(max(now.cache.needed(now.max_model_len)) / GIB)
        room = min(_room(each.device, now.budgets) for each in now.budgets)
        space = needed if needed > flags.kv_cache_gib else min(room, int(flags.kv_cache_gib))
        if space > 0 and space != flags.kv_cache_gib:
            yield changed({"kv_cache_gib": space}, kv_cache_gib=space)
    elif flags.utilization < FULLEST:
        yield changed({"gpu_memory_utilization": FULLEST}, gpu_memory_utilization=FULLEST)
    if cache_element_bytes(model, flags) > 1 and not (flags.cpu and _latent(case)):
        kind = "fp8_inc" if flags.accelerator == "gaudi" else "fp8"
        yield changed({"kv_cache_dtype": kind}, kv_cache_dtype=kind)
    longest = min(_round(now.longest), model.longest)
    if SHORTEST <= longest < now.max_model_len:
        yield changed({"max_model_len": longest}, max_model_len=longest)
    elif now.max_model_len > model.longest:
        yield changed({"max_model_len": model.longest}, max_model_len=model.longest)
    if flags.accelerator == "nvidia" and not model.quantization and not flags.quantization:
        yield changed({"extra_args": ["--quantization=fp8"]}, quantization="fp8")
    if not flags.cpu:
        yield from _among_more(case)


def _among_more(case: Case) -> Iterator[_Step]:
    """The next size of tensor parallelism that makes it fit, on its devices and others like the smallest of them."""
    last: _Step | None = None
    for size in sizes(case.model, case.flags, MOST_DEVICES):
        flags = replace(case.flags, tensor_parallel_size=size)
        devices = _with_more(case, flags.ranks)
        if size == case.flags.tensor_parallel_size or not devices:
            continue
        values: dict[str, Any] = {"tensor_parallel_size": size}
        if devices != case.devices:
            values["devices"] = [device.index for device in devices]
        last = _Step(values, replace(case, flags=flags, devices=devices))
        if predict(last.case).fits == YES:
            break
    if last:
        yield last


def _with_more(case: Case, count: int) -> tuple[Device, ...]:
    """The devices of a service, and as many beside them as make ``count``; none where there are not so many."""
    missing = max(0, count - len(case.devices))
    if not missing or not case.devices:
        return case.devices
    smallest = min(case.devices, key=lambda device: device.memory)
    if case.spare is None:
        first = max(device.index for device in case.devices) + 1
        return case.devices + tuple(replace(smallest, index=first + place) for place in range(missing))
    alike = [device for device in case.spare if device.memory == smallest.memory]
    return (*case.devices, *alike[:missing]) if len(alike) >= missing else ()


def _room(node: Device, budgets: Sequence[Budget]) -> int:
    """GiB for the cache of each process on a NUMA node."""
    here = [each for each in budgets if each.device == node]
    return (node.memory - sum(each.requested - each.kv_cache for each in here)) // len(here) // GIB


def _latent(case: Case) -> bool:
    return any(isinstance(kept, Latent) for layer in case.model.layers for kept in layer)


def _round(tokens: int) -> int:
    """Down to a number that people write."""
    return tokens // SHORTEST * SHORTEST


def is_refused(prediction: Prediction) -> bool:
    """Whether it surely does not start."""
    return prediction.fits == NO
