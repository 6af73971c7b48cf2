# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking an OpenAI-compatible server: JSON that is what it should be, or one message that says what came instead."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .inside import Exchange

FINAL = (401, 403)  # statuses that waiting does not mend
QUOTED = 200  # characters of an answer that a message quotes
TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
STEPS = {
    401: "is api_key right?",
    403: "may this key ask for that?",
    404: "does base_url end in /v1, behind the path that a proxy adds?",
    429: "the key's limit of requests is reached",
}


@dataclass(frozen=True)
class Endpoint:
    """Where an OpenAI-compatible server is, and what it is to serve."""

    name: str
    base_url: str  # /v1 included
    models: tuple[str, ...] = ()
    api_key: str = ""
    keyed: bool = False  # whether it must refuse a wrong key
    ca: str = ""  # PEM; empty: the system's
    container: str = ""  # of this host, where it runs

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Endpoint:
        """From a module's options, of which there may be more."""
        return cls(
            name=options["name"],
            base_url=options["base_url"].rstrip("/"),
            models=tuple(options.get("models") or ()),
            api_key=options.get("api_key") or "",
            keyed=bool(options.get("keyed")),
            ca=options.get("ca") or "",
            container=options.get("container") or "",
        )

    @property
    def root(self) -> str:
        """The URL under which there are /health and /metrics."""
        return self.base_url[: -len("/v1")] if self.base_url.endswith("/v1") else self.base_url


class AnswerError(Exception):
    """What came instead of the answer that was asked for.

    ``status`` is 0 and ``problem`` one of those of ``exchange`` where no whole answer came; ``problem`` is ``dead``
    where the answer says that of the engine. ``final``: waiting cannot help.
    """

    def __init__(self, cause: str, status: int = 0, problem: str = "", final: bool = False, body: str = "") -> None:
        super().__init__(cause)
        self.status = status
        self.problem = problem
        self.final = final
        self.body = body


class Client:
    """Asks one endpoint. Its key stands in no message."""

    def __init__(self, endpoint: Endpoint, exchange: Exchange) -> None:
        self.endpoint = endpoint
        self._exchange = exchange

    def text(self, url: str, timeout: float, body: Any = None, *, api_key: str | None = None) -> dict[str, Any]:
        """The whole answer with status 200, as ``exchange`` gives it."""
        key = self.endpoint.api_key if api_key is None else api_key
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = {"url": url, "headers": headers, "timeout": timeout, "ca": self.endpoint.ca}
        if body is not None:
            request.update(method="POST", body=json.dumps(body))
        answer = self._exchange(request)
        if answer["problem"]:
            what = {"not_http": "that is no HTTP: ", "tls": "TLS: "}.get(answer["problem"], "")
            cause = self.hidden(f"{url}: {what}{answer['detail']}")
            raise AnswerError(cause, problem=answer["problem"], final=answer["problem"] in ("invalid", "tls"))
        if answer["status"] != 200:
            raise AnswerError(
                self.hidden(f"{url}: {_refusal(answer)}"),
                status=answer["status"],
                final=answer["status"] in FINAL,
                body=answer["body"],
            )
        return answer

    def json(self, url: str, timeout: float, body: Any = None, *, api_key: str | None = None) -> dict[str, Any]:
        """The decoded answer, which is an object and no error."""
        answer = self.text(url, timeout, body, api_key=api_key)
        try:
            decoded = json.loads(answer["body"])
        except (ValueError, RecursionError) as error:
            raise AnswerError(self.hidden(f"{url}: {_no_json(answer['body'])}")) from error
        if not isinstance(decoded, dict):
            raise AnswerError(self.hidden(f"{url}: the answer is no JSON object but {quoted(answer['body'], 60)}"))
        if decoded.get("error"):
            raise AnswerError(self.hidden(f"{url}: HTTP 200 with an error: {_message(decoded)}"))
        return decoded

    def post(self, resource: str, body: Any, timeout: float) -> dict[str, Any]:
        """The decoded answer of ``<base_url>/resource``."""
        return self.json(f"{self.endpoint.base_url}/{resource}", timeout, body)

    def hidden(self, text: str) -> str:
        """``text`` without the key, which a server may repeat and a malformed header shows escaped."""
        key = self.endpoint.api_key
        for shown in (key, repr(key)[1:-1], key.strip()):
            text = text.replace(shown, "(its key)") if shown else text
        return text


def printable(text: str) -> str:
    """``text`` in one line without characters that change how a terminal or a page shows the rest."""
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def quoted(text: str, longest: int = QUOTED) -> str:
    """The beginning of what a server said, for a message."""
    line = printable(" ".join(text.split()))
    return repr(line if len(line) <= longest else line[: longest - 1] + "…")


def _refusal(answer: Mapping[str, Any]) -> str:
    status = answer["status"]
    if 300 <= status < 400:
        target = printable(answer["headers"].get("location", "nowhere"))
        return f"HTTP {status}, a redirect to {target}; give that URL, if it is the right one"
    if _is_page(answer["body"]):
        return f"HTTP {status}, {_page(answer['body'])}"
    try:
        said = _message(json.loads(answer["body"]))
    except (ValueError, RecursionError):
        said = printable(" ".join(answer["body"].split()))
    return f"HTTP {status}" + (f", {said[:QUOTED]}" if said else "") + (f"; {STEPS[status]}" if status in STEPS else "")


def _message(body: Any) -> str:
    """What an error's body says, as vLLM, LiteLLM, OpenAI and others put it."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error
    return printable(str(error))


def _is_page(body: str) -> bool:
    return body.lstrip()[:200].lower().startswith(("<!doctype html", "<html"))


def _page(body: str) -> str:
    title = TITLE.search(body)
    named = f" ({quoted(title[1], 60)})" if title else ""
    return f"a page for browsers{named}: does a proxy answer instead?"


def _no_json(body: str) -> str:
    if _is_page(body):
        return _page(body)
    if body.lstrip().startswith(("{", "[")):
        return f"the answer is broken JSON: {quoted(body, 60)}"
    return f"the answer is no JSON but {quoted(body, 60)}" if body.strip() else "the answer is empty"
