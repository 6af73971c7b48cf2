# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services on the devices of one host: whether each of them fits, beside the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..sizes import GIB
from .changes import Change, smallest_changes
from .memory import Budget, Device
from .predict import NO, TIGHT, UNKNOWN, YES, Case, Prediction, predict

HALF = 0.499  # of a hundredth: rounds down, but for what floating point loses


@dataclass(frozen=True)
class Verdict:
    """What there is to say of one service."""

    name: str
    model: str
    prediction: Prediction
    changes: Sequence[Change]

    @property
    def next_step(self) -> str:
        """What to write into fleet.yml."""
        if self.prediction.fits == YES:
            return ""
        if self.prediction.fits == UNKNOWN:
            return "Set device_memory_gib of the service, or let playbooks/fit.yml ask the host."
        if not self.changes:
            return "No single change makes it fit: choose a smaller model or larger devices."
        return "Set " + "; or ".join(_paste(change.values) for change in self.changes) + "."

    def as_dict(self) -> dict[str, Any]:
        """As the module returns it. Bytes and tokens are numbers, the rest is text."""
        made = self.prediction
        cache = made.cache
        told = made.fits != UNKNOWN or made.blocks > 0  # a space that is given holds what it holds
        return {
            "name": self.name,
            "model": self.model,
            "fits": made.fits,
            "cause": made.cause,
            "next_step": self.next_step,
            "max_model_len": made.max_model_len,
            "largest_max_model_len": made.longest if told else None,
            "concurrency": round(made.concurrency, 2) if told else None,
            "kv_cache_tokens": made.tokens if told else None,
            "kv_cache_blocks": made.blocks if told else None,
            "kv_bytes_per_token": cache.token_bytes if cache else 0,
            "block_size": cache.block_size if cache else 0,
            "devices": [_device(budget) for budget in made.budgets],
            "changes": [
                {
                    "values": change.values,
                    "max_model_len": change.prediction.max_model_len,
                    "concurrency": round(change.prediction.concurrency, 2),
                }
                for change in self.changes
            ],
        }


def judge(cases: Mapping[str, Case], models: Mapping[str, str]) -> list[Verdict]:
    """The verdict on each of the services ``cases``, all of one host; ``models`` names their models."""
    alone = {name: predict(case) for name, case in cases.items()}
    verdicts = []
    for name, case in cases.items():
        others = {other: made for other, made in alone.items() if other != name}
        prediction = _beside(alone[name], others)
        found = smallest_changes(case) if alone[name].fits in (NO, TIGHT) else []
        if prediction is not alone[name]:
            found = _smaller_share(case, prediction, others)
        verdicts.append(Verdict(name, models[name], prediction, found))
    return verdicts


def _beside(made: Prediction, others: Mapping[str, Prediction]) -> Prediction:
    """The prediction, with what the other services take of the same devices."""
    if made.fits in (NO, UNKNOWN):
        return made
    for device in dict.fromkeys(each.device for each in made.budgets):
        mine = _on(device, made)
        requested = sum(each.requested for each in mine)
        sharing = {name: _on(device, other) for name, other in others.items()}
        sharing = {name: budgets for name, budgets in sharing.items() if budgets}
        rest = device.memory - sum(each.requested for budgets in sharing.values() for each in budgets)
        if sharing and requested > rest:
            told = ", ".join(
                f"{name} takes {GIB.text(sum(each.requested for each in budgets))}" for name, budgets in sharing.items()
            )
            cause = (
                f"it takes {GIB.text(requested)} of device {device.index}, which has "
                f"{GIB.text(device.memory)}, and {told} of it"
            )
            surely = sum(each.least for budgets in (mine, *sharing.values()) for each in budgets)
            return replace(made, fits=NO if surely > device.memory else TIGHT, cause=cause)
    return made


def _on(device: Device, other: Prediction) -> list[Budget]:
    return [budget for budget in other.budgets if budget.device == device]


def _smaller_share(case: Case, made: Prediction, others: Mapping[str, Prediction]) -> list[Change]:
    """The share of the device that the others leave, if the model fits into it."""
    if case.flags.kv_cache_gib is not None:
        return []
    left = min(
        mine.device.usable(case.flags.accelerator)
        - sum(each.requested for other in others.values() for each in _on(mine.device, other))
        for mine in made.budgets
    )
    share = round(100 * left / made.budgets[0].device.usable(case.flags.accelerator) - HALF) / 100
    smaller = replace(case, flags=replace(case.flags, gpu_memory_utilization=share))
    prediction = predict(smaller) if share > 0 else None
    fits = prediction is not None and prediction.fits in (YES, TIGHT)
    return [Change({"gpu_memory_utilization": share}, prediction)] if prediction and fits else []


def _device(budget: Budget) -> dict[str, Any]:
    return {
        "index": budget.device.index,
        "memory": budget.device.memory,
        "requested": budget.requested,
        "weights": budget.weights,
        "activations": budget.activations,
        "overhead": budget.overhead,
        "kv_cache": max(0, budget.kv_cache),
        "headroom": budget.device.memory - budget.taken,
    }


def _paste(values: Mapping[str, Any]) -> str:
    return " and ".join(f"{key}: {_yaml(value)}" for key, value in values.items())


def _yaml(value: Any) -> str:
    return f"[{', '.join(str(item) for item in value)}]" if isinstance(value, list) else str(value)
