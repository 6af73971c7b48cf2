# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a rig's endpoint a question, as any OpenAI client would, and leaves what a client needs in ``endpoint.env``."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

# Not a close call, as that of France is: a small model finds the same words however a CPU rounds, and in FP8.
QUESTION = "What is the capital of Japan?"
ANSWER_WITHIN = 120.0  # seconds; a CPU generates slowly


def write_endpoint(state: Path, base_url: str, api_key: str) -> Path:
    """Leave ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY`` in ``state``/endpoint.env, readable by its owner only."""
    path = state / "endpoint.env"
    text = f"OPENAI_BASE_URL={base_url}\nOPENAI_API_KEY={api_key}\n"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def ask(base_url: str, api_key: str, question: str) -> tuple[str, str]:
    """The first served model and what it answers to ``question`` at temperature 0."""
    model = _call(f"{base_url}/models", api_key)["data"][0]["id"]
    body = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": 64,
    }
    answer = _call(f"{base_url}/chat/completions", api_key, body)
    return model, answer["choices"][0]["message"]["content"].strip()


def _call(url: str, api_key: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN) as response:
            return json.load(response)
    except urllib.error.HTTPError as refused:
        raise SystemExit(f"{url}: HTTP {refused.code}: {refused.read(500).decode('utf-8', 'replace')}") from refused
    except OSError as error:
        raise SystemExit(f"{url}: {error}. Is the fleet up? `make demo` brings it up.") from error
