# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holding services to their contracts: real requests, and what comes back as evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import FleetError
from ..client import AnswerError, Client, Endpoint
from ..inside import exchanging
from ..models import list_models
from . import structured, text, tools
from .asking import BrokenError, SkipError, Subject
from .record import keep, proven

SIDE_BY_SIDE = 4  # requests to one service: it computes them together, in less time than one after the other
LIST_WITHIN = 10.0  # seconds

PROBES: dict[str, Callable[[Subject], str]] = {
    probe.__name__: probe
    for probe in (
        *(text.completion, text.chat, text.stream, text.logprobs, text.context),
        *(structured.json_object, structured.json_schema, structured.regex, structured.choice, structured.grammar),
        *(tools.tools_named, tools.tools_required, tools.tools_auto, tools.tools_stream),
        *(tools.tools_parallel, tools.multi_turn_tools, text.embeddings),
    )
}


@dataclass(frozen=True)
class Finding:
    """What became of one probe."""

    capability: str
    outcome: str  # pass, fail or skip
    evidence: str
    latency_s: float


def hold(
    services: Sequence[Mapping[str, Any]], timeout: float, via: str = "", record: Path | None = None
) -> list[dict[str, Any]]:
    """``{name, model, kept, probes}`` of each of ``services``, which are options of openai_contract, all at once.

    With ``record``, a folder, what was proven of a container that still runs is not asked again.
    """
    known = {service["name"]: proven(record, service) for service in services if record and service.get("container")}
    asked = [service for service in services if not known.get(service["name"])]
    if asked:
        with exchanging(via, 0) as exchange, ThreadPoolExecutor(len(asked)) as pool:
            clients = [Client(Endpoint.of(service), exchange) for service in asked]
            results = list(pool.map(_hold, clients, asked, [timeout] * len(asked)))
        for service, result in zip(asked, results):
            if record and service.get("container"):
                keep(record, service, result)
            known[service["name"]] = result
    return [known[service["name"]] or {} for service in services]


def _hold(client: Client, service: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    subject = Subject(client, service["model"], service.get("max_model_len") or _longest(client, service), timeout)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        findings = list(pool.map(lambda capability: probe(subject, capability), service["contract"]))
    return {
        "name": service["name"],
        "model": service["model"],
        "kept": all(finding.outcome != "fail" for finding in findings),
        "probes": [asdict(finding) for finding in findings],
    }


def _longest(client: Client, service: Mapping[str, Any]) -> int | None:
    if "context" not in service["contract"]:
        return None
    try:
        models = list_models(client, LIST_WITHIN)
    except AnswerError:
        return None  # whoever asks next will say so
    return next((model.max_model_len for model in models if model.id == service["model"]), None)


def probe(subject: Subject, capability: str) -> Finding:
    """What became of the probe of ``capability``, one of CAPABILITIES."""
    began = time.monotonic()
    try:
        outcome, evidence = "pass", PROBES[capability](subject)
    except SkipError as error:
        outcome, evidence = "skip", str(error)
    except (BrokenError, AnswerError) as error:
        outcome, evidence = "fail", str(error)
    return Finding(capability, outcome, subject.client.hidden(evidence), round(time.monotonic() - began, 3))


def require_kept(results: Iterable[Mapping[str, Any]]) -> None:
    """Raise FleetError, naming each service, what it does not do, and the evidence."""
    broken = [result for result in results if not result["kept"]]
    if not broken:
        return
    raise FleetError(
        f"Failed to hold {', '.join(result['name'] for result in broken)} to the contract",
        "; ".join(
            f"{result['name']}: {finding['capability']}: {finding['evidence']}"
            for result in broken
            for finding in result["probes"]
            if finding["outcome"] == "fail"
        ),
        "Correct the service, or leave out of its contract what its model cannot.",
    )
