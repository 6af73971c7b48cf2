# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text on which a model is calibrated: lines of JSON, each with `text`, `prompt` or `messages`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import FleetError
from .calibration_text import HELD_OUT, TEXTS

STEP = 'Give it lines such as {"text": "…"}, {"prompt": "…"} or {"messages": [{"role": "user", "content": "…"}]}.'


def read_samples(path: Path | None, most: int) -> list[dict[str, Any]]:
    """The first ``most`` samples, each with `text` or `messages`; without a path, those that are shipped.

    Raises FleetError where a line is none. Nothing but JSON is opened: reading a pickle can run any program.
    """
    if path is None:
        return [{"text": text} for text in TEXTS if text not in HELD_OUT][:most]
    attempted = f"Failed to read the calibration data in {path}"
    samples: list[dict[str, Any]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip() and len(samples) < most:
                    samples.append(_sample(json.loads(line), f"line {number}"))
    except OSError as error:
        raise FleetError(attempted, error.strerror or str(error)) from error
    except json.JSONDecodeError as error:
        raise FleetError(attempted, f"line {number} is not JSON", STEP) from error
    except UnicodeDecodeError as error:
        raise FleetError(attempted, "it is no text", STEP) from error
    except ValueError as error:
        raise FleetError(attempted, str(error), STEP) from error
    if not samples:
        raise FleetError(attempted, "it is empty", STEP)
    return samples


def _sample(line: Any, where: str) -> dict[str, Any]:
    if not isinstance(line, dict):
        raise ValueError(f"{where} is no object")
    text = line.get("text", line.get("prompt"))
    if isinstance(text, str) and text.strip():
        return {"text": text}
    messages = line.get("messages")
    if isinstance(messages, list) and messages and all(_is_message(message) for message in messages):
        return {"messages": messages}
    columns = ", ".join(sorted(line)) or "nothing"
    raise ValueError(f"{where} has no text, prompt or messages with anything in them, only {columns}")


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str) and "content" in message
