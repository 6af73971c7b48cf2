# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Anything Ansible hands over, as plain JSON values whose text is safe to show in a page, in XML and on a terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Colours and other sequences of terminals: they are no part of what a log says.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
# What XML forbids or HTML calls an error, and the marks that make text read in another order than it is written.
FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
REPLACEMENT = "\ufffd"


def clean_text(text: str) -> str:
    """``text`` with each character that nothing should show replaced by one that says so."""
    return FORBIDDEN.sub(REPLACEMENT, ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n"))


def plain(value: Any) -> Any:
    """``value`` as dicts, lists, clean strings, numbers, booleans and None; what is none of these as its text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {clean_text(str(key)): plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [plain(entry) for entry in value]
    return clean_text(str(value))
