# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Model lists of OpenAI-compatible servers: ``GET /v1/models`` as vLLM, LiteLLM and OpenAI answer it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import FleetError


@dataclass(frozen=True)
class Model:
    """One entry of a model list."""

    id: str
    root: str | None = None  # what was loaded: a repository or a path
    max_model_len: int | None = None  # tokens; None where the server does not say
    parent: str | None = None  # the base model, for a LoRA adapter


def parse_models(body: Any, source: str) -> list[Model]:
    """The models in the decoded ``body`` that ``source`` (an URL, for the message) returned, in its order."""
    try:
        return [
            Model(entry["id"], entry.get("root"), entry.get("max_model_len"), entry.get("parent"))
            for entry in body["data"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise FleetError(f"Failed to read the model list of {source}", "it is not an OpenAI model list") from error


def require_models(models: Iterable[Model], expected: Iterable[str], source: str) -> None:
    """Raise FleetError unless every ``expected`` id is among ``models``."""
    served = {model.id for model in models}
    missing = [name for name in expected if name not in served]
    if missing:
        raise FleetError(
            f"Failed to find {', '.join(missing)} at {source}",
            f"it serves {', '.join(sorted(served)) or 'nothing'}",
            "Compare served_model_name in the description with what the service was started with.",
        )
