# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes of tool calls: named, required, left to the model, streamed, several at once, and a result that goes back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..client import quoted
from .asking import BrokenError, Subject, count_of, message_of
from .structured import CHOICES, PROSE, SCHEMA, require_light

LONGEST = 256  # tokens
LAMP = "set_lamp"
NAMED = {"type": "function", "function": {"name": LAMP}}
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": LAMP,
            "strict": True,
            "description": "Set the colour, count and brightness of lamps.",
            "parameters": SCHEMA,
        },
    },
    {
        "type": "function",
        "function": {
            "name": "get_lamp",
            "strict": True,
            "description": "Read what a lamp of a colour is set to.",
            "parameters": {
                "type": "object",
                "properties": {"colour": {"type": "string", "enum": CHOICES}},
                "required": ["colour"],
                "additionalProperties": False,
            },
        },
    },
]
REQUEST = "Set 2 amber lamps to bright."
TWO_REQUESTS = "Set 2 amber lamps to bright. Also set 3 cobalt lamps to not bright. Do both, with one call each."
RESULT_SHORT = "done"
RESULT_LONG = "done; " + "the lamps are set, and the fuse holds; " * 3


def tools_named(subject: Subject) -> str:
    """The tool that is named is called with arguments of its schema, whatever is asked."""
    calls = _calls(subject.chat(PROSE, tools=TOOLS, tool_choice=NAMED, max_tokens=LONGEST))
    if [call["name"] for call in calls] != [LAMP]:
        raise BrokenError(f"{LAMP} was named, and called were {[call['name'] for call in calls]}")
    require_light(calls[0]["arguments"], calls[0]["text"])
    return _shown(calls)


def tools_required(subject: Subject) -> str:
    """Some tool is called, though nothing asks for one."""
    return _shown(_calls(subject.chat(PROSE, tools=TOOLS, tool_choice="required", max_tokens=LONGEST)))


def tools_auto(subject: Subject) -> str:
    """The model itself decides to call the tool that is asked for."""
    calls = _calls(subject.chat(REQUEST, tools=TOOLS, tool_choice="auto", max_tokens=LONGEST))
    if LAMP not in [call["name"] for call in calls]:
        raise BrokenError(f"{LAMP} was asked for, and called were {[call['name'] for call in calls]}")
    return _shown(calls)


def tools_stream(subject: Subject) -> str:
    """The pieces of a streamed call join to one."""
    chunks = subject.chat_stream(PROSE, tools=TOOLS, tool_choice=NAMED, max_tokens=LONGEST)
    parts: dict[int, dict[str, str]] = {}
    pieces = 0
    for chunk in chunks:
        for choice in chunk.get("choices") or []:
            for delta in (choice.get("delta") or {}).get("tool_calls") or []:
                part = parts.setdefault(int(delta.get("index") or 0), {"name": "", "arguments": ""})
                function = delta.get("function") or {}
                part["name"] += function.get("name") or ""
                part["arguments"] += function.get("arguments") or ""
                pieces += 1
    calls = _decoded([{"function": part} for _index, part in sorted(parts.items())])
    if [call["name"] for call in calls] != [LAMP]:
        raise BrokenError(f"{LAMP} was named, and streamed were {[call['name'] for call in calls]}")
    require_light(calls[0]["arguments"], calls[0]["text"])
    return f"{_shown(calls)} in {pieces} pieces"


def tools_parallel(subject: Subject) -> str:
    """Two things that are asked for are two calls."""
    answer = subject.chat(
        TWO_REQUESTS, tools=TOOLS[:1], tool_choice="auto", parallel_tool_calls=True, max_tokens=LONGEST
    )
    calls = _calls(answer)
    if len(calls) < 2:
        raise BrokenError(f"two calls were asked for, and made was {_shown(calls)}")
    return _shown(calls)


def multi_turn_tools(subject: Subject) -> str:
    """A tool's result goes back in, and the model reads it: a longer one costs more of the context."""
    counts = [
        count_of(subject.chat(*_turns(result), tools=TOOLS, max_tokens=8), "prompt_tokens")
        for result in (RESULT_SHORT, RESULT_LONG)
    ]
    if counts[0] >= counts[1]:
        raise BrokenError(
            f"the chat template drops tool results: prompts of {counts} tokens with a short and a long one"
        )
    return (
        f"{len(RESULT_LONG) - len(RESULT_SHORT)} more characters of a result take {counts[1] - counts[0]} more tokens"
    )


def _turns(result: str) -> list[dict[str, Any]]:
    arguments = json.dumps({"colour": "amber", "count": 2, "bright": True})
    call = {
        "id": "call00001",
        "type": "function",
        "function": {"name": LAMP, "arguments": arguments},
    }  # Mistral: 9 letters
    return [
        {"role": "user", "content": REQUEST},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "name": LAMP, "content": result},
    ]


def _calls(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calls in an answer, with their decoded arguments."""
    message, reason = message_of(answer)
    calls = message.get("tool_calls") or []
    if not calls:
        said = quoted(str(message.get("content")), 80)
        raise BrokenError(f"no tool is called; the model says {said} and ends for {reason}")
    return _decoded(calls)


def _decoded(calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = {tool["function"]["name"] for tool in TOOLS}
    decoded = []
    for call in calls:
        try:
            name, text = call["function"]["name"], call["function"]["arguments"]
            arguments = json.loads(text)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise BrokenError(f"a call's arguments are no JSON: {quoted(json.dumps(call), 120)}") from error
        if name not in known:
            raise BrokenError(f"the model calls {quoted(str(name), 60)}, a tool that there is not")
        if not isinstance(arguments, dict):
            raise BrokenError(f"a call's arguments are no object: {quoted(text, 80)}")
        decoded.append({"name": name, "arguments": arguments, "text": text})
    return decoded


def _shown(calls: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{call['name']}({json.dumps(call['arguments'])})" for call in calls)[:160]
