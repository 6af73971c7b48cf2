# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every probe of a contract needs: to ask one model, and to say what is wrong with an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..client import Client, quoted
from .sse import parse_stream


class BrokenError(Exception):
    """The answer is not what the contract says; the message is the evidence."""


class SkipError(Exception):
    """It cannot be asked here; the message says why."""


@dataclass(frozen=True)
class Subject:
    """The model that is asked."""

    client: Client
    model: str
    max_model_len: int | None  # tokens; None where the server does not say
    timeout: float  # seconds for one answer

    def chat(self, *messages: dict[str, Any] | str, **options: Any) -> dict[str, Any]:
        """The decoded answer of a chat; a message that is text is the user's."""
        return self.client.post("chat/completions", self._chat_body(messages, options), self.timeout)

    def chat_message(self, *messages: dict[str, Any] | str, **options: Any) -> tuple[dict[str, Any], str]:
        """The message that a chat is answered with, and why it ended."""
        return message_of(self.chat(*messages, **options))

    def chat_stream(self, *messages: dict[str, Any] | str, **options: Any) -> list[dict[str, Any]]:
        """The chunks of a chat's answer, which is a well-formed stream."""
        body = {**self._chat_body(messages, options), "stream": True, "stream_options": {"include_usage": True}}
        answer = self.client.text(f"{self.client.endpoint.base_url}/chat/completions", self.timeout, body)
        kind = answer["headers"].get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise BrokenError(f"the answer is no stream but {kind or 'of no type'}: {quoted(answer['body'], 80)}")
        try:
            return parse_stream(answer["body"])
        except ValueError as error:
            raise BrokenError(str(error)) from error

    def complete(self, prompt: str, **options: Any) -> dict[str, Any]:
        """The decoded answer of a completion."""
        return self.client.post(
            "completions", {"model": self.model, "prompt": prompt, "temperature": 0, **options}, self.timeout
        )

    def _chat_body(self, messages: tuple[dict[str, Any] | str, ...], options: Mapping[str, Any]) -> dict[str, Any]:
        turns = [{"role": "user", "content": turn} if isinstance(turn, str) else turn for turn in messages]
        return {"model": self.model, "messages": turns, "temperature": 0, **options}


def choice_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The first choice of an answer."""
    try:
        choice: dict[str, Any] = answer["choices"][0]
        choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise BrokenError(f"the answer has no choice: {quoted(json.dumps(answer), 120)}") from error
    return choice


def message_of(answer: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The message in the first choice of a chat's answer, and why it ended."""
    choice = choice_of(answer)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise BrokenError(f"the answer has no message: {quoted(json.dumps(answer), 120)}")
    return message, str(choice.get("finish_reason"))


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, which has some."""
    text = message.get("content")
    if not isinstance(text, str) or not text.strip():
        raise BrokenError(f"the message has no text: {quoted(json.dumps(message), 120)}")
    return text


def count_of(answer: Mapping[str, Any], name: str) -> int:
    """How many tokens ``name`` (prompt_tokens or completion_tokens) the answer says it took."""
    usage = answer.get("usage")
    count = usage.get(name) if isinstance(usage, dict) else None
    if not isinstance(count, int) or count < 1:
        raise BrokenError(f"the answer's usage has no {name}: {quoted(json.dumps(usage), 80)}")
    return count
