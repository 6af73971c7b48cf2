# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far each host reaches over the overlay network, from the pairs that were tried."""

from __future__ import annotations

from collections.abc import Iterable

from .instances import BAD, GOOD, PARTLY, UNKNOWN
from .results import Pair


def reach(name: str, pairs: Iterable[Pair]) -> str:
    """BAD for a host that reaches nobody, PARTLY for one that misses a host which others reach."""
    tried = [pair for pair in pairs if pair.ok is not None]
    own = [pair for pair in tried if name in (pair.source, pair.target)]
    if not own:
        return UNKNOWN
    if not any(pair.ok for pair in own):
        return BAD
    connected = {end for pair in tried if pair.ok for end in (pair.source, pair.target)}
    missed = (pair for pair in own if not pair.ok)
    return PARTLY if any({pair.source, pair.target} <= connected for pair in missed) else GOOD


def network_state(pairs: Iterable[Pair]) -> str:
    """One state for the whole network."""
    outcomes = {pair.ok for pair in pairs}
    if False in outcomes:
        return PARTLY if True in outcomes else BAD
    return GOOD if True in outcomes else UNKNOWN


def network_words(pairs: Iterable[Pair]) -> str:
    """``MTU 1450 · 12 of 12 pairs cross · encrypted``."""
    tried = [pair for pair in pairs if pair.ok is not None]
    if not tried:
        return "not tried"
    sizes = sorted({pair.mtu for pair in tried if pair.mtu})
    words = [f"MTU {sizes[0]}" if len(sizes) == 1 else f"MTU {sizes[0]} to {sizes[-1]}"] if sizes else []
    words.append(f"{sum(1 for pair in tried if pair.ok)} of {len(tried)} pairs cross")
    if (encrypted := {pair.encrypted for pair in tried}) <= {True, False} and len(encrypted) == 1:
        words.append("encrypted" if True in encrypted else "not encrypted")
    return " · ".join(words)
