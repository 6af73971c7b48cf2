# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report, and writing them so that a reader sees the old one or the new one and nothing between."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ...module_utils.errors import FleetError
from .cases import cases_of, count, failures_of, verdict_of
from .instances import summary
from .junit import junit
from .page import page
from .results import read_results

PAGE, DATA, CASES = "report.html", "report.json", "junit.xml"


def report(given: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """``verdict``, ``counts``, ``failures`` and ``rows`` of the results ``given``, and each file's text by its name."""
    results = read_results(given)
    cases = cases_of(results)
    failures = [vars(failure) for failure in failures_of(results, cases)]
    verdict = {"verdict": verdict_of(results, cases), "counts": count(cases), "failures": failures}
    data = {**results.given, **verdict}
    return {**verdict, "rows": summary(results)}, {
        PAGE: page(results, cases),
        DATA: json.dumps(data, indent=2, ensure_ascii=False) + "\n",
        CASES: junit(results.name, cases),
    }


def read_file(path: Path) -> str | None:
    """What ``path`` has; None where there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FleetError(f"Failed to read {path}", error.strerror or str(error)) from error


def write_file(path: Path, text: str) -> None:
    """``text`` as ``path``, whose folder is made where it is missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise FleetError(
            f"Failed to write {path}", error.strerror or str(error), "Name a folder that this user may write to."
        ) from error


def _umask() -> int:
    """What new files may not have; it can be asked only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
