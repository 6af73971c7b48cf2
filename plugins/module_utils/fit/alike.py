# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tensors that devices treat alike, each kind looked at once: many experts make 90,000 tensors of some 20 kinds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..safetensors import Tensor

LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
NUMBER = re.compile(r"\.\d+(?=\.)")  # of a layer or an expert


@dataclass(frozen=True)
class Alike:
    """Tensors whose names differ in their numbers alone, of one type and one shape."""

    tensor: Tensor  # one of them
    counts: dict[int | None, int]  # how many there are, by their layer; None: those of no layer


def alike(tensors: Iterable[Tensor]) -> tuple[Alike, ...]:
    """All of ``tensors``, those together that are alike."""
    samples: dict[tuple[str, str, tuple[int, ...]], Tensor] = {}
    counts: dict[tuple[str, str, tuple[int, ...]], Counter[int | None]] = {}
    for tensor in tensors:
        layer = LAYER.search(tensor.name)
        kind = NUMBER.sub("", tensor.name), tensor.dtype, tensor.shape
        samples.setdefault(kind, tensor)
        counts.setdefault(kind, Counter())[int(layer[1]) if layer else None] += 1
    return tuple(Alike(tensor, dict(counts[kind])) for kind, tensor in samples.items())
