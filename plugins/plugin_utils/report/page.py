# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page, which needs nothing but itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from . import text
from .cases import BROKEN, SERVES, Case, count, failures_of, verdict_of
from .drawing import narrow, wide
from .instances import WORDS, Fleet, Instance, combined, fleet_of
from .network import network_state, network_words
from .results import Host, Probe, Results

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_PAIRS = 12  # of the overlay; where there are more, those that work are folded away
LONG = 500  # letters; a cause that has more may have to scroll
FEW = 8  # names that are said one by one
TALL = 20  # rows; a table that has more scrolls
SHAPES = {"pass": "good", "fail": "bad", "skip": "unknown", True: "good", False: "bad", None: "unknown"}
SEVERITY = ("bad", "partly", "unknown", "good")  # what needs a look comes first
LINKS = {
    "good": "reaches all others",
    "partly": "misses some of the others",
    "bad": "reaches nobody",
    "unknown": "not tried",
}


def page(results: Results, cases: Sequence[Case]) -> str:
    """The page for ``results``, whose ``cases`` they are."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(seconds=text.seconds, moment=text.moment, counted=text.counted, code_spans=code_spans)
    return environment.get_template("page.html.j2").render(_context(results, cases)) + "\n"


def _context(results: Results, cases: Sequence[Case]) -> dict[str, Any]:
    fleet, state = fleet_of(results), network_state(results.overlay)
    # A host that is alone has no network to try.
    drawn = (fleet, results.overlay, "good" if len(fleet.hosts) == 1 else state)
    verdict = verdict_of(results, cases)
    names = list(dict.fromkeys(name for host in fleet.hosts for name in host.versions))
    return {
        "results": results,
        "fleet": fleet,
        "counts": count(cases),
        "state": {SERVES: "good", BROKEN: "bad"}.get(verdict, "unknown"),
        "headline": headline(verdict, cases),
        "lead": lead(fleet),
        "took": text.span(results.started_at, results.finished_at),
        "failures": failures_of(results, cases),
        "gateway": combined(fleet.gateways),
        "network": {"state": state, "words": network_words(results.overlay)},
        "gateway_url": text.fitted(results.gateway_url or "no address", 280, 12),
        "drawings": {"wide": wide(*drawn), "narrow": narrow(*drawn)} if fleet.hosts else {},
        "picture": picture_words(fleet, network_words(results.overlay)),
        "instances": sorted((*fleet.gateways, *fleet.instances), key=lambda item: SEVERITY.index(item.state)),
        "slowest": max([item.latency or 0.0 for item in (*fleet.instances, *fleet.gateways)], default=0.0),
        "matrix": _matrix(results),
        "pairs": sorted(results.overlay, key=lambda pair: pair.ok is not False),
        "shown_pairs": SHOWN_PAIRS,
        "tall": TALL,
        "long": LONG,
        "few": FEW,
        "versions": {name: _versions(fleet.hosts, name) for name in names},
        "images": _images(fleet.instances),
        "shapes": SHAPES,
        "links": LINKS,
        "words": WORDS,
    }


def headline(verdict: str, cases: Sequence[Case]) -> str:
    """The verdict, for a person."""
    if verdict == SERVES:
        return "The fleet serves"
    if verdict == BROKEN:
        some = any(case.kind == "endpoints" and case.outcome == "pass" for case in cases)
        return "The fleet does not serve as it should" if some else "The fleet does not serve"
    return "Not all of the fleet was verified" if cases else "Nothing was verified"


def lead(fleet: Fleet) -> str:
    """``2 of 2 instances generate, and so does the gateway.``"""
    if not fleet.instances and not fleet.gateways:
        return "The results name no instance."
    number = sum(1 for instance in fleet.instances if instance.endpoint and instance.endpoint.ready)
    told = f"{number} of {text.counted(len(fleet.instances), 'instance')} {'generates' if number == 1 else 'generate'}"
    gateway = combined(fleet.gateways)
    also = {
        "good": ", and so does the gateway",
        "bad": "; the gateway does not",
        "partly": "; the gateway does in part",
    }
    return f"{told}{also.get(gateway, '') if fleet.gateways else ''}."


def picture_words(fleet: Fleet, network: str) -> str:
    """The picture for who does not see it; the tables below it say the rest."""
    hosts = ", ".join(host.name for host in fleet.hosts)
    gateway = f"gateway {WORDS[combined(fleet.gateways)]}; " if fleet.gateways else ""
    return (
        f"The fleet: {text.counted(len(fleet.hosts), 'host')} ({hosts}), "
        f"{text.counted(len(fleet.instances), 'instance')}; {gateway}overlay network: {network}"
    )


def code_spans(said: str) -> Markup:
    """``said`` with what stands between backticks as code."""
    parts = re.split(r"`([^`\n]+)`", said)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )


def _matrix(results: Results) -> dict[str, Any]:
    """``capabilities`` as columns; each of ``rows`` a contract with its probes by capability."""
    capabilities = dict.fromkeys(probe.capability for contract in results.contracts for probe in contract.probes)
    rows: list[tuple[Any, Mapping[str, Probe]]] = [
        (contract, {probe.capability: probe for probe in contract.probes}) for contract in results.contracts
    ]
    rows.sort(key=lambda row: all(probe.outcome != "fail" for probe in row[1].values()))
    return {"capabilities": list(capabilities), "rows": rows}


def _versions(hosts: Sequence[Host], name: str) -> dict[str, Any]:
    """Each host's version of the software ``name``, and which most of them have."""
    found = [host.versions.get(name, "") for host in hosts]
    return {"hosts": found, "usual": max(dict.fromkeys(found), key=found.count, default="")}


def _images(instances: Sequence[Instance]) -> list[dict[str, Any]]:
    """Each image with the instances that run it."""
    users: dict[str, list[str]] = {}
    for instance in instances:
        if instance.service.image:
            users.setdefault(instance.service.image, []).append(instance.service.instance)
    return [
        {"name": image.partition("@")[0], "digest": image.partition("@")[2], "users": names}
        for image, names in users.items()
    ]
