# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams of server-sent events, as OpenAI-compatible servers answer with ``stream: true``."""

from __future__ import annotations

import json
from typing import Any

DONE = "[DONE]"


def parse_stream(body: str) -> list[dict[str, Any]]:
    """The decoded chunks of a stream that ended as it should.

    ValueError says what is wrong with one that did not. Lines that begin with a colon are comments, with which a proxy
    keeps a connection open.
    """
    chunks: list[dict[str, Any]] = []
    ended = False
    for event in body.replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in event.split("\n") if line and not line.startswith(":")]
        data = [line[len("data:") :].strip() for line in lines if line.startswith("data:")]
        foreign = [line for line in lines if not line.startswith(("data:", "event:", "id:", "retry:"))]
        if foreign:
            raise ValueError(f"a line of the stream is no event: {foreign[0][:80]!r}")
        if not data:
            continue
        if ended:
            raise ValueError("the stream goes on after its end marker")
        if data == [DONE]:
            ended = True
            continue
        chunks.append(_chunk("\n".join(data)))
    if not ended:
        raise ValueError(f"the stream stops after {len(chunks)} chunks without its end marker, data: {DONE}")
    if not chunks:
        raise ValueError("the stream ends without a chunk")
    return chunks


def _chunk(text: str) -> dict[str, Any]:
    try:
        chunk = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"an event of the stream is broken JSON: {text[:80]!r}") from error
    if not isinstance(chunk, dict):
        raise ValueError(f"an event of the stream is no object: {text[:80]!r}")
    if chunk.get("error"):
        raise ValueError(f"the stream brings an error: {str(chunk['error'])[:160]}")
    return chunk
