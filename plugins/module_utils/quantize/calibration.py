# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text on which a model is calibrated: lines of JSON, each with `text`, `prompt` or `messages`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .calibration_text import HELD_OUT, TEXTS
from .json_lines import read_json_lines

STEP = 'Give it lines such as {"text": "…"}, {"prompt": "…"} or {"messages": [{"role": "user", "content": "…"}]}.'


def read_samples(path: Path | None, most: int) -> list[dict[str, Any]]:
    """The first ``most`` samples, each with `text` or `messages`; without a path, those that are shipped.

    Raises FleetError where a line is none. Nothing but JSON is opened: reading a pickle can run any program.
    """
    if path is None:
        return [{"text": text} for text in TEXTS if text not in HELD_OUT][:most]
    return read_json_lines(path, _sample, STEP, most)


def _sample(line: dict[str, Any], number: int) -> dict[str, Any]:
    text = line.get("text", line.get("prompt"))
    if isinstance(text, str) and text.strip():
        return {"text": text}
    messages = line.get("messages")
    if isinstance(messages, list) and messages and all(_is_message(message) for message in messages):
        return {"messages": messages}
    columns = ", ".join(sorted(line)) or "nothing"
    raise ValueError(f"line {number} has no text, prompt or messages with anything in them, only {columns}")


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str) and "content" in message
