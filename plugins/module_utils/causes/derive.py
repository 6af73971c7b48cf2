# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the names and numbers of a failure: the value that would have worked."""

from __future__ import annotations

import math
import re
from difflib import get_close_matches

from ..fleet.limits import REMOVED_FLAGS
from .failure import Groups

GIB_IN = {"B": 1 / 2**30, "KiB": 1 / 2**20, "MiB": 1 / 2**10, "GiB": 1.0, "TiB": 2.0**10}
NOTEWORTHY = 0.5  # GiB; a process on a device takes about as much before it does anything


def fitting_utilization(groups: Groups) -> Groups:
    """From ``free`` and ``total`` GiB: the largest ``fits`` of gpu_memory_utilization, and ``held`` GiB by others."""
    free, total = float(groups["free"]), float(groups["total"])
    return {"fits": f"{math.floor(100 * free / total) / 100:.2f}", "held": f"{total - free:.1f}"}


def held_by_others(groups: Groups) -> Groups:
    """From what an allocator says of a device: ``others``, a sentence on what other processes hold of it, if much."""
    used = _gib(groups["free"]) + _gib(groups["used"])
    others = _gib(groups["total"]) - used
    if others < NOTEWORTHY:
        return {"others": ""}
    return {"others": f"Other processes hold {others:.1f} GiB of this device: stop them (`nvidia-smi` names them). "}


def dividing_sizes(groups: Groups) -> Groups:
    """From ``heads``: the tensor-parallel ``sizes`` that divide them."""
    heads = int(groups["heads"])
    return {"sizes": ", ".join(str(size) for size in range(1, heads + 1) if heads % size == 0)}


def nearest_name(groups: Groups) -> Groups:
    """From ``name`` and the ``known`` ones: a ``guess`` at what was meant, and ``known`` as a list to read."""
    known = [name for name in re.split(r"[,\s]+", groups["known"]) if name]
    return {"guess": did_you_mean(get_close_matches(groups["name"], known, n=2)), "known": ", ".join(known)}


def flags(groups: Groups) -> Groups:
    """From ``arguments``: the ``flags`` among them, and a ``hint`` for those that vLLM once had."""
    names = [word.partition("=")[0] for word in groups["arguments"].split() if word.startswith("-")]
    hints = [f"{name}: {REMOVED_FLAGS[name]}. " for name in names if name in REMOVED_FLAGS]
    return {"flags": " ".join(names), "hint": "".join(hints)}


def cuda_version(groups: Groups) -> Groups:
    """From ``number``, CUDA's own notation (12020): the ``version`` as people write it (12.2)."""
    number = int(groups["number"])
    return {"version": f"{number // 1000}.{number % 1000 // 10}"}


def did_you_mean(names: list[str]) -> str:
    """A sentence that offers ``names``; empty without any."""
    return f"Did you mean {' or '.join(names)}? " if names else ""


def _gib(amount: str) -> float:
    number, _blank, unit = amount.replace("bytes", "B").partition(" ")
    return float(number) * GIB_IN[unit]
