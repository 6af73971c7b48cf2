# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as aligned lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GAP = "  "


def text_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """``rows`` as lines of equal columns, the names of ``columns`` (those of the first row by default) first."""
    if not rows:
        return ""
    names = list(columns or rows[0])
    lines = [names] + [["" if row.get(name) is None else str(row[name]) for name in names] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(names))]
    return "\n".join(GAP.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
