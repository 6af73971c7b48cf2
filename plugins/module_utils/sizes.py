# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of bytes as people read them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """``size`` bytes that are called ``name``."""

    name: str
    size: int

    def number(self, amount: float) -> str:
        """How many of this unit ``amount`` bytes are."""
        return f"{amount / self.size:.{1 if self.size > 1 else 0}f}"

    def text(self, amount: float) -> str:
        return f"{self.number(amount)} {self.name}"


BYTE, KIB, MIB, GIB, TIB = UNITS = tuple(
    Unit(name, 1024**power) for power, name in enumerate(("B", "KiB", "MiB", "GiB", "TiB"))
)


def unit_of(amount: float) -> Unit:
    """The largest unit of which ``amount`` bytes are at least one."""
    return next((unit for unit in reversed(UNITS) if amount >= unit.size), BYTE)
