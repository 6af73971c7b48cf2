# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases as JUnit XML, which CI servers read."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from .cases import Case, count


def junit(name: str, cases: Iterable[Case]) -> str:
    """A document with a test suite for each suite of ``cases``; ``name`` is the fleet's."""
    found = list(cases)
    root = ElementTree.Element("testsuites", {"name": name or "fleet", **_counts(found)})
    for suite in dict.fromkeys(case.suite for case in found):
        own = [case for case in found if case.suite == suite]
        element = ElementTree.SubElement(root, "testsuite", {"name": suite, **_counts(own)})
        for case in own:
            _write(element, case)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _counts(cases: list[Case]) -> dict[str, str]:
    counts = count(cases)
    return {
        "tests": str(len(cases)),
        "failures": str(counts["failed"]),
        "errors": "0",
        "skipped": str(counts["skipped"]),
        "time": _time(sum(case.seconds or 0.0 for case in cases)),
    }


def _write(suite: ElementTree.Element, case: Case) -> None:
    # Checks and the gateway's endpoints have the same name on several hosts.
    place = f"{case.suite}.{case.host}" if case.kind in ("checks", "endpoints") and case.host else case.suite
    element = ElementTree.SubElement(
        suite, "testcase", {"classname": place, "name": case.name, "time": _time(case.seconds or 0.0)}
    )
    if case.outcome == "fail":
        failure = ElementTree.SubElement(element, "failure", {"message": case.evidence or "failed", "type": case.kind})
        failure.text = f"{case.subject} on {case.host}: {case.evidence}" if case.host else case.evidence
    elif case.outcome == "skip":
        ElementTree.SubElement(element, "skipped", {"message": case.evidence or "no reason was given"})
    elif case.evidence:
        ElementTree.SubElement(element, "system-out").text = case.evidence


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
