# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether quantized weights are as near to their source as the scheme allows; the thresholds, by scheme."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import FleetError
from .rows import Evidence
from .schemes import OWN

STEP = "Nothing was put in place. Serve it without quantization, or with another scheme."


@dataclass(frozen=True)
class Limits:
    sqnr_db: float  # least ratio of signal to quantization noise, in decibels
    relative_l2: float  # most norm of the difference, relative to the weights'
    peak: float = 0.0  # least that the largest code of a row stands for: less, and its scale is not its own


# Real FP8 models show 31.3 to 31.7 dB and up to 0.0272; a scale that was left out still shows 29.6 to 31.5 dB. int8
# shows 38 to 42 dB, less where rows have outliers. w4a16 moves weights away from their source, to 9 to 18 dB, so that
# layers say nearly the same: of its weights, only what is broken can be seen.
FP8 = Limits(31.0, 0.03, 416.0)
LIMITS = {
    "fp8_dynamic": FP8,
    "fp8_static": FP8,
    "fp8_block": FP8,
    "fp8_kv": FP8,
    "int8_w8a8": Limits(30.0, 0.03, 126.0),
    "w4a16": Limits(8.0, 0.4),
}


@dataclass(frozen=True)
class Proof:
    """The worst that was found over ``tensors`` quantized tensors, and in which of them."""

    tensors: int
    sqnr_db: float
    sqnr_tensor: str
    relative_l2: float
    lowest_peak: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def prove(evidence: Mapping[str, Evidence], label: str, scheme: str = OWN) -> Proof:
    """FleetError, with the tensor named, where a tensor of the model ``label`` is too far from its source."""
    if not evidence:
        raise FleetError(f"Failed to quantize {label}", "no tensor of it was", STEP)
    limits = LIMITS[scheme]
    ratios = {name: _relative(found) for name, found in evidence.items()}
    for name, ratio in ratios.items():
        problem = _problem(_decibel(ratio), math.sqrt(ratio), evidence[name].lowest_peak, limits)
        if problem:
            raise FleetError(f"Failed to quantize {label}", f"{name} {problem}", STEP)
    worst = max(ratios, key=lambda name: ratios[name])
    return Proof(
        tensors=len(evidence),
        sqnr_db=round(_decibel(ratios[worst]), 2),
        sqnr_tensor=worst,
        relative_l2=round(math.sqrt(ratios[worst]), 4),
        lowest_peak=min(found.lowest_peak for found in evidence.values()),
    )


def _relative(evidence: Evidence) -> float:
    """Noise relative to signal; infinite where the sums are no numbers."""
    if evidence.signal == 0:
        return 0.0 if evidence.noise == 0 else math.inf
    ratio = evidence.noise / evidence.signal
    return ratio if math.isfinite(ratio) else math.inf


def _decibel(ratio: float) -> float:
    return -10 * math.log10(ratio) if ratio else math.inf


def _problem(sqnr: float, relative_l2: float, peak: float, limits: Limits) -> str:
    if sqnr < limits.sqnr_db:
        return f"is {sqnr:.1f} dB from its source, which must be at least {limits.sqnr_db} dB"
    if relative_l2 > limits.relative_l2:
        return f"differs from its source by {relative_l2:.4f} of its norm, which must be at most {limits.relative_l2}"
    if peak < limits.peak:
        return f"has a row whose largest code stands for {peak:g}, less than {limits.peak:g}: its scale is not its own"
    return ""
