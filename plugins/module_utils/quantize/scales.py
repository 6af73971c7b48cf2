# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scales of a file's weights, which come to be as its weights are quantized, on several threads."""

from __future__ import annotations

import threading
from typing import Any

from ..safetensors import Tensor
from .arrays import np


class Scales:
    """The scales that have been computed, float32 by row."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._known: dict[str, Any] = {}  # a bool for each row
        self._making: list[tuple[str, range]] = []
        self._changed = threading.Condition()

    def of(self, weight: Tensor) -> Any:
        return self._values[weight.name]

    def keep(self, weight: Tensor, first: int, scales: Any) -> None:
        with self._changed:
            if weight.name not in self._values:
                self._values[weight.name] = np.empty(weight.shape[0], np.float32)
                self._known[weight.name] = np.zeros(weight.shape[0], np.bool_)
        self._values[weight.name][first : first + len(scales)] = scales[:, 0]
        self._known[weight.name][first : first + len(scales)] = True

    def being_made(self, weight: Tensor, rows: range) -> _Making:
        return _Making(self._making, self._changed, (weight.name, rows))

    def wait(self, weight: Tensor, rows: range) -> Any:
        """Which of the rows' scales are known, once nobody makes any of them any more."""
        with self._changed:
            self._changed.wait_for(
                lambda: not any(name == weight.name and _overlap(rows, made) for name, made in self._making)
            )
        known = self._known.get(weight.name)
        return np.zeros(len(rows), np.bool_) if known is None else known[rows.start : rows.stop]


class _Making:
    """Says, while it is open, that somebody is quantizing rows."""

    def __init__(self, making: list[tuple[str, range]], changed: threading.Condition, what: tuple[str, range]) -> None:
        self._making, self._changed, self._what = making, changed, what

    def __enter__(self) -> None:
        with self._changed:
            self._making.append(self._what)

    def __exit__(self, *_details: object) -> None:
        with self._changed:
            self._making.remove(self._what)
            self._changed.notify_all()


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
