# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long transfer has come, as those who move the bytes tell those who show it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class FileReport:
    """A file on its way, with ``done`` of ``total`` bytes."""

    path: str
    done: int
    total: int


@dataclass(frozen=True)
class Report:
    """``what`` is moved: ``done`` of ``total`` bytes in ``seconds``, and the ``files`` that are on their way."""

    what: str
    done: int
    total: int
    seconds: float
    files: tuple[FileReport, ...]

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def parse_report(text: str) -> Report | None:
    """What ``as_json`` wrote; None for anything else, as of a file that is not there yet."""
    try:
        report = json.loads(text)
        files = (FileReport(str(f["path"]), int(f["done"]), int(f["total"])) for f in report["files"])
        return Report(
            str(report["what"]), int(report["done"]), int(report["total"]), float(report["seconds"]), tuple(files)
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
