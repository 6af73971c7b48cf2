# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks OpenAI-compatible endpoints for proof that they serve: health, model list, one generation.

Also a script that needs nothing but the standard library, so that it can run where a module cannot: inside a container
on a network that the host is not on. It reads ``{"endpoints": [...], "timeout": S}`` from standard input and prints the
outcomes.

An endpoint is ``{name, base_url, models, api_key, keyed, ca}``: ``base_url`` ends in /v1, ``models`` are the ids that
it must serve, ``keyed`` says that it must refuse whoever has no key, ``ca`` is PEM text. An outcome is ``{name, ready,
models, answers, latency_s, error}``: ``answers`` maps a model to the text it generated, and ``latency_s`` is that of
the slowest generation, in seconds.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PAUSE = 1.0  # seconds between two looks at an endpoint
GENERATE_WITHIN = 60.0  # seconds; a CPU may take long for its first tokens
ANSWER_WITHIN = 10.0  # seconds; health and model list need no engine
MAX_BODY = 4 * 1024 * 1024  # bytes
FINAL = (401, 403)  # statuses that waiting does not mend


class NotServingError(Exception):
    """Why an endpoint does not serve; ``final`` when waiting cannot help."""

    def __init__(self, cause: str, final: bool = False) -> None:
        super().__init__(cause)
        self.final = final


def prove(endpoint: dict[str, Any]) -> dict[str, Any]:
    """The outcome for an endpoint that serves; raises NotServingError for one that does not."""
    base_url = endpoint["base_url"].rstrip("/")
    root = base_url[: -len("/v1")] if base_url.endswith("/v1") else base_url
    call(endpoint, root + "/health", ANSWER_WITHIN, decode=False)
    served = model_ids(call(endpoint, base_url + "/models", ANSWER_WITHIN))
    if endpoint.get("keyed"):
        require_keyed(endpoint, base_url)
    missing = [model for model in endpoint["models"] if model not in served]
    if missing:
        raise NotServingError(f"it serves {', '.join(served) or 'nothing'}, not {', '.join(missing)}")
    answers, slowest = {}, 0.0
    for model in endpoint["models"]:
        began = time.monotonic()
        answers[model] = generate(endpoint, base_url, model)
        slowest = max(slowest, time.monotonic() - began)
    return {
        "name": endpoint["name"],
        "ready": True,
        "models": served,
        "answers": answers,
        "latency_s": round(slowest, 3),
        "error": "",
    }


def generate(endpoint: dict[str, Any], base_url: str, model: str) -> str:
    """A few tokens of ``model``: only a generated token proves that its engine works."""
    body = {"model": model, "prompt": "The capital of France is", "max_tokens": 4, "temperature": 0}
    answer = call(endpoint, base_url + "/completions", GENERATE_WITHIN, body)
    try:
        tokens = answer["usage"]["completion_tokens"]
        text = answer["choices"][0]["text"]
    except (KeyError, IndexError, TypeError) as error:
        raise NotServingError(f"{model} answered something that is no completion: {str(answer)[:80]}") from error
    if not tokens:
        raise NotServingError(f"{model} generated no token")
    return str(text)


def require_keyed(endpoint: dict[str, Any], base_url: str) -> None:
    """Raise NotServingError unless a request with a wrong key is refused."""
    try:
        call({**endpoint, "api_key": "no-such-key"}, base_url + "/models", ANSWER_WITHIN)
    except NotServingError as error:
        if error.final:
            return
        raise
    raise NotServingError("it lets in whoever has a wrong key", final=True)


def model_ids(body: Any) -> list[str]:
    """The ids in a model list."""
    try:
        return [str(entry["id"]) for entry in body["data"]]
    except (KeyError, TypeError) as error:
        raise NotServingError(f"/models answered something that is no model list: {str(body)[:80]}") from error


def call(endpoint: dict[str, Any], url: str, timeout: float, body: Any = None, decode: bool = True) -> Any:
    """What ``url`` answers, decoded from JSON unless told otherwise."""
    headers = {"Content-Type": "application/json"}
    if endpoint.get("api_key"):
        headers["Authorization"] = "Bearer " + endpoint["api_key"]
    data = None if body is None else json.dumps(body).encode()
    try:
        context = ssl.create_default_context(cadata=endpoint.get("ca") or None)
        # What is proven is the endpoint itself, not a proxy that the environment happens to name.
        no_proxy, https = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        request = urllib.request.Request(url, data=data, headers=headers)
        with urllib.request.build_opener(no_proxy, https).open(request, timeout=timeout) as response:
            text = response.read(MAX_BODY)
    except urllib.error.HTTPError as refused:
        detail = hidden(refused.read(MAX_BODY).decode("utf-8", "replace"), endpoint)[:200].strip()
        raise NotServingError(f"HTTP {refused.code} from {url}: {detail}", refused.code in FINAL) from refused
    except (OSError, ValueError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", "") or str(error) or type(error).__name__
        raise NotServingError(f"{url}: {cause}") from error
    if not decode:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise NotServingError(f"{url} answered no JSON but {text[:60]!r}") from error


def hidden(text: str, endpoint: dict[str, Any]) -> str:
    """``text`` without the endpoint's key, which a server may repeat and a malformed header shows escaped."""
    key = endpoint.get("api_key") or ""
    for shown in (key, repr(key)[1:-1], key.strip()):
        text = text.replace(shown, "(its key)") if shown else text
    return text


def watch(endpoint: dict[str, Any], deadline: float) -> dict[str, Any]:
    """The outcome for ``endpoint``, asked again until it serves or ``deadline`` (monotonic seconds) has passed."""
    while True:
        try:
            return prove(endpoint)
        except NotServingError as error:
            if error.final or time.monotonic() + PAUSE > deadline:
                return {
                    "name": endpoint["name"],
                    "ready": False,
                    "models": [],
                    "answers": {},
                    "latency_s": None,
                    "error": hidden(str(error), endpoint),
                }
        time.sleep(PAUSE)


def probe(endpoints: list[dict[str, Any]], timeout: float) -> list[dict[str, Any]]:
    """The outcomes for ``endpoints``, all watched at once for at most ``timeout`` seconds; 0 looks once."""
    deadline = time.monotonic() + timeout
    with ThreadPoolExecutor(max_workers=max(1, len(endpoints))) as pool:
        return list(pool.map(lambda endpoint: watch(endpoint, deadline), endpoints))


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    json.dump(probe(wanted["endpoints"], wanted["timeout"]), sys.stdout)
