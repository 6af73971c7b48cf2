# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes of structured output. Each prompt asks for something that its constraint forbids: a server that ignores the
constraint, as vLLM does with fields that it no longer knows, answers 200 and is found out.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..client import quoted
from .asking import BrokenError, Subject, text_of

PROSE = "Write a poem about the sea in plain words. No JSON, no lists, no digits."
LONGEST = 96  # tokens
CHOICES = ["amber", "cobalt", "emerald"]
NUMBER = r"[0-9]{3}-[0-9]{4}"
GRAMMAR = 'root ::= "north" | "south"'
# Nothing in it can go on for ever: a small model would.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "colour": {"type": "string", "enum": CHOICES},
        "count": {"type": "integer", "enum": [1, 2, 3]},
        "bright": {"type": "boolean"},
    },
    "required": ["colour", "count", "bright"],
    "additionalProperties": False,
}


def json_object(subject: Subject) -> str:
    """Whatever is asked, the answer is a JSON object."""
    text, reason = _constrained(subject, response_format={"type": "json_object"})
    if reason == "length":
        if not begins_object(text):
            raise BrokenError(f"the answer is no JSON object but {quoted(text, 80)}")
        return f"an object as far as {LONGEST} tokens go: {quoted(text, 40)}"
    if not isinstance(_decoded(text), dict):
        raise BrokenError(f"the answer is no JSON object but {quoted(text, 80)}")
    return quoted(text, 60)


def json_schema(subject: Subject) -> str:
    """The answer is of the schema."""
    wanted = {"type": "json_schema", "json_schema": {"name": "light", "schema": SCHEMA, "strict": True}}
    text, _reason = _constrained(subject, response_format=wanted)
    require_light(_decoded(text), text)
    return quoted(text, 80)


def regex(subject: Subject) -> str:
    """The answer matches the expression."""
    text, _reason = _constrained(subject, structured_outputs={"regex": NUMBER})
    if not re.fullmatch(NUMBER, text.strip()):
        raise BrokenError(f"the answer does not match {NUMBER}: {quoted(text, 80)}")
    return quoted(text)


def choice(subject: Subject) -> str:
    """The answer is one of the choices."""
    return _one_of(CHOICES, _constrained(subject, structured_outputs={"choice": CHOICES})[0])


def grammar(subject: Subject) -> str:
    """The answer is a sentence of the grammar."""
    return _one_of(["north", "south"], _constrained(subject, structured_outputs={"grammar": GRAMMAR})[0])


def require_light(value: Any, text: str) -> None:
    """BrokenError unless ``value``, decoded from ``text``, is of SCHEMA."""
    properties = SCHEMA["properties"]
    fits = (
        isinstance(value, dict)
        and set(value) == set(properties)
        and value["colour"] in CHOICES
        and value["count"] in properties["count"]["enum"]
        and isinstance(value["bright"], bool)
    )
    if not fits:
        raise BrokenError(f"the answer is not of the schema: {quoted(text, 120)}")


def begins_object(text: str) -> bool:
    """Whether ``text``, cut off somewhere, is the beginning of a JSON object."""
    closing: list[str] = []
    in_string = escaped = False
    for char in text.lstrip():
        if in_string:
            in_string, escaped = escaped or char != '"', not escaped and char == "\\"
        elif char == '"':
            in_string = True
        elif char in "{[":
            closing.append("}" if char == "{" else "]")
        elif char in "}]" and (not closing or closing.pop() != char):
            return False
        if not closing:
            return False
    return bool(closing) and closing[0] == "}"


def _constrained(subject: Subject, **constraint: Any) -> tuple[str, str]:
    message, reason = subject.chat_message(PROSE, max_tokens=LONGEST, **constraint)
    return text_of(message), reason


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"the answer is no JSON but {quoted(text, 80)}") from error


def _one_of(choices: list[str], text: str) -> str:
    if text.strip() not in choices:
        raise BrokenError(f"the answer is none of {', '.join(choices)} but {quoted(text, 80)}")
    return quoted(text)
