# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, times and names as the page shows them."""

from __future__ import annotations

import unicodedata
from datetime import datetime

GLYPH = 0.6  # width of a letter in a wide system font, as a part of the font's size
ELLIPSIS = "…"
UNBROKEN = "\u00a0"  # a space at which no line ends


def fitted(text: str, width: float, size: float) -> str:
    """``text``, cut with an ellipsis where it would be wider than ``width`` pixels in letters of ``size`` pixels."""
    room = width / (size * GLYPH)
    if _width(text) <= room:
        return text
    kept = ""
    for letter in text:
        if _width(kept + letter) + 1 > room:
            break
        kept += letter
    return kept.rstrip() + ELLIPSIS


def _width(text: str) -> float:
    return sum(1.7 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def tokens(number: int | None) -> str:
    """``131,072 tokens``; nothing for None."""
    return "" if number is None else f"{number:,} tokens"


def seconds(number: float | None) -> str:
    """``0.142 s``; nothing for None."""
    return "" if number is None else f"{number:.3f} s" if number < 10 else f"{number:.1f} s"


def moment(text: str) -> str:
    """``21 November 2026, 15:04 UTC``; what is no ISO 8601 time, as it is."""
    time = _parsed(text)
    return f"{time.day} {time:%B %Y, %H:%M} {time.tzname() or ''}".rstrip() if time else text


def span(start: str, end: str) -> str:
    """``4 min 12 s`` from one ISO 8601 time to another; nothing where they do not say."""
    first, last = _parsed(start), _parsed(end)
    if not first or not last or (first.tzinfo is None) != (last.tzinfo is None) or last < first:
        return ""
    minutes, rest = divmod(round((last - first).total_seconds()), 60)
    return f"{minutes} min {rest} s".replace(" ", UNBROKEN) if minutes else f"{rest}{UNBROKEN}s"


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def counted(number: int, one: str, many: str = "") -> str:
    """``1 host``, ``2 hosts``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
