# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator brings to calibrate on, as a file with a JSON object on each line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..errors import FleetError

Row = TypeVar("Row")
ATTEMPTED = "Failed to read the calibration data in {}"


def read_json_lines(
    path: Path, understand: Callable[[dict[str, Any], int], Row], step: str, most: int = sys.maxsize
) -> list[Row]:
    """What ``understand`` makes of the first ``most`` objects, given each with the number of its line.

    Raises FleetError, with the next ``step``, where a line is no object, ``understand`` raises ValueError, or there is
    none.
    """
    attempted = ATTEMPTED.format(path)
    rows: list[Row] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip() and len(rows) < most:
                    rows.append(understand(_object(line, number), number))
    except OSError as error:
        raise FleetError(attempted, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise FleetError(attempted, "it is no text", step) from error
    except ValueError as error:
        raise FleetError(attempted, str(error), step) from error
    if not rows:
        raise FleetError(attempted, "it is empty", step)
    return rows


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {number} is not JSON") from error
    if not isinstance(found, dict):
        raise ValueError(f"line {number} is no object")
    return found
