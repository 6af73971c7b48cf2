# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions on which a model is calibrated for Gaudi: `system_prompt` and `question` of each.

JSON is read here. A pickle can run any program as it is opened, and Parquet needs a library, so both are left to the
container.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import FleetError
from .calibration_text import HELD_OUT, TEXTS
from .json_lines import ATTEMPTED, read_json_lines

COLUMNS = ("system_prompt", "question")
JSON_LINES = (".jsonl", ".json", ".ndjson")
IN_CONTAINER = (".parquet", ".pkl", ".pickle")
SYSTEM_PROMPT = "You are a helpful assistant."
STEP = 'Give it lines such as {"system_prompt": "…", "question": "…"}, or a table with these columns.'


def read_questions(path: Path | None) -> list[dict[str, str]] | None:
    """All questions in ``path``, by column; those that are shipped without one; None where the container reads them.

    Raises FleetError where there are none, and where a line lacks a column.
    """
    if path is None:
        return [{"system_prompt": SYSTEM_PROMPT, "question": text} for text in TEXTS if text not in HELD_OUT]
    attempted = ATTEMPTED.format(path)
    kind = path.suffix.lower()
    if kind not in JSON_LINES + IN_CONTAINER:
        raise FleetError(attempted, f"its name ends in none of {', '.join(JSON_LINES + IN_CONTAINER)}", STEP)
    try:
        if path.stat().st_size == 0:
            raise FleetError(attempted, "it is empty", STEP)
        if kind in IN_CONTAINER:
            return None
    except OSError as error:
        raise FleetError(attempted, error.strerror or str(error)) from error
    return read_json_lines(path, _row, STEP)


def _row(row: dict[str, Any], number: int) -> dict[str, str]:
    lacking = [name for name in COLUMNS if not isinstance(row.get(name), str)]
    if lacking:
        raise ValueError(f"line {number} has no {' and no '.join(lacking)}, only {', '.join(sorted(row)) or 'nothing'}")
    if not row["question"].strip():
        raise ValueError(f"the question in line {number} is empty")
    return {name: row[name] for name in COLUMNS}
