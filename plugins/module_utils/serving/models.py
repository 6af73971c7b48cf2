# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Model lists of OpenAI-compatible servers: ``GET /v1/models`` as vLLM, LiteLLM and OpenAI answer it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import FleetError
from .client import AnswerError, Client, Endpoint, printable
from .inside import exchanging


@dataclass(frozen=True)
class Model:
    """One entry of a model list."""

    id: str
    root: str | None = None  # what was loaded: a repository or a path
    max_model_len: int | None = None  # tokens; None where the server does not say
    parent: str | None = None  # the base model, for a LoRA adapter


def list_models(client: Client, timeout: float) -> list[Model]:
    """What the endpoint lists, in its order; AnswerError where that is no model list."""
    url = f"{client.endpoint.base_url}/models"
    try:
        return parse_models(client.json(url, timeout))
    except ValueError as error:
        raise AnswerError(f"{url}: {error}") from error


def parse_models(body: Any) -> list[Model]:
    """The models in the decoded ``body``; ValueError where it holds something else."""
    entries = body.get("data") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise ValueError("that is no OpenAI model list")
    found: dict[str, Model] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
            raise ValueError("an entry of the model list has no id")
        if printable(entry["id"]) != entry["id"]:
            raise ValueError(f"the model id {entry['id']!r} has characters that cannot be shown")
        if entry["id"] in found:
            raise ValueError(f"the model id {entry['id']} is listed twice")
        length = entry.get("max_model_len")
        found[entry["id"]] = Model(
            entry["id"],
            _text(entry.get("root")),
            length if isinstance(length, int) and not isinstance(length, bool) else None,
            _text(entry.get("parent")),
        )
    return list(found.values())


def difference(served: Iterable[str], expect: Sequence[str], expect_absent: Sequence[str] = ()) -> str:
    """What is missing and what should not be there, beside what is; empty where all is as expected."""
    ids = list(served)
    missing = [name for name in expect if name not in ids]
    surplus = [name for name in expect_absent if name in ids]
    if not (missing or surplus):
        return ""
    parts = [f"{', '.join(missing)} is missing"] if missing else []
    parts += [f"{', '.join(surplus)} should not be there"] if surplus else []
    return f"{' and '.join(parts)}; it serves {', '.join(ids) or 'nothing'}"


def read_lists(endpoints: Sequence[Mapping[str, Any]], timeout: float, via: str = "") -> list[dict[str, Any]]:
    """``{name, models, error}`` of each of ``endpoints``, options of openai_models_info, all asked at once."""

    def read(options: Mapping[str, Any]) -> dict[str, Any]:
        name = options.get("name") or options["base_url"]
        client = Client(Endpoint.of({**options, "name": name, "models": ()}), exchange)
        try:
            models = list_models(client, timeout)
        except AnswerError as error:
            return {"name": name, "models": [], "error": str(error)}
        wrong = difference([model.id for model in models], options["expect"], options["expect_absent"])
        return {"name": name, "models": [asdict(model) for model in models], "error": wrong}

    with exchanging(via, 0) as exchange, ThreadPoolExecutor(max(1, len(endpoints))) as pool:
        return list(pool.map(read, endpoints))


def require_lists(found: Iterable[Mapping[str, Any]]) -> None:
    """Raise FleetError, naming every endpoint that does not list what it is to, and the difference."""
    wrong = [endpoint for endpoint in found if endpoint["error"]]
    if wrong:
        raise FleetError(
            f"Failed to find the models expected at {', '.join(endpoint['name'] for endpoint in wrong)}",
            "; ".join(f"{endpoint['name']}: {endpoint['error']}" for endpoint in wrong),
            "Compare served_model_name in the description with what the service was started with.",
        )


def _text(value: Any) -> str | None:
    return printable(value) if isinstance(value, str) else None
