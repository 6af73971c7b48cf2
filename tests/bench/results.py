# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a benchmark leaves behind: ``bench/results/<name>.json``, and the same as lines to read."""

from __future__ import annotations

import datetime
import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "bench" / "results"


@dataclass(frozen=True)
class Row:
    """One comparison, both sides measured in the same run."""

    what: str
    ours: float
    theirs: float | None  # None where there is nothing to compare with
    unit: str
    target: str  # what the ratio, or ours where there is none, should be, in words

    @property
    def ratio(self) -> float | None:
        """Ours over theirs."""
        return None if not self.theirs else round(self.ours / self.theirs, 3)


def write(name: str, rows: list[Row]) -> None:
    """Leave ``rows`` in the results folder, and print them."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    content = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {_memory_gib()} GiB, Linux {platform.release().split('-')[0]}",
        "rows": [{**asdict(row), "ratio": row.ratio} for row in rows],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for row in rows:
        beside = "" if row.theirs is None else f", theirs {row.theirs} {row.unit}, ratio {row.ratio}"
        print(f"{row.what}: {row.ours} {row.unit}{beside} (target: {row.target})")


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
