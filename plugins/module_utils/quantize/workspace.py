# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that quantizing takes, which each thread uses again for whichever file of a model it works on."""

from __future__ import annotations

import threading

from .rows import RowQuantizer

# Weights at a time. Copies of more leave the processor's cache; with fewer, threads wait for Python's lock more often.
BLOCK = 256 * 1024


class Workspace(threading.local):
    """Each thread sees its own."""

    def __init__(self) -> None:
        self._source = bytearray()
        self._quantizer = RowQuantizer(0)

    def source(self, size: int) -> memoryview:
        """Room for ``size`` bytes that are read."""
        if len(self._source) < size:
            self._source = bytearray(size)
        return memoryview(self._source)[:size]

    def quantizer(self, weights: int) -> RowQuantizer:
        """One for ``weights`` at a time at least."""
        if len(self._quantizer.codes) < weights:
            self._quantizer = RowQuantizer(max(BLOCK, weights))
        return self._quantizer
