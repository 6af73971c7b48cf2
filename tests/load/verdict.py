# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Did a steady load survive the loss of a replica?

A request that was under way at the moment of the loss may have been with the replica that died; it may fail. One that
started later may not: it must succeed, and may take at most ``--longest-wait`` seconds more than the slowest request
before the loss.

    python tests/load/verdict.py --outcomes FILE --lost-at EPOCH_SECONDS --longest-wait 2
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def judge(outcomes: list[dict[str, Any]], lost_at: float, longest_wait: float) -> tuple[str, list[str]]:
    """One line of figures, and a line for every request that broke the promise."""
    before = [o for o in outcomes if o["end"] <= lost_at]
    under_way = [o for o in outcomes if o["start"] <= lost_at < o["end"]]
    after = [o for o in outcomes if o["start"] > lost_at]
    broken = [f"{len(before)} requests ended before the loss and {len(after)} began after it; too few to tell"]
    if min(len(before), len(after)) >= 5:
        broken = [f"failed before the loss: {o['status']} {o['error']}" for o in before if o["status"] != 200]
        slowest = max(o["end"] - o["start"] for o in before)
        for outcome in after:
            since, took = outcome["start"] - lost_at, outcome["end"] - outcome["start"]
            if outcome["status"] != 200:
                broken.append(f"begun {since:.2f} s after: {outcome['status']} {outcome['error']} ({took:.2f} s)")
            elif took > slowest + longest_wait:
                broken.append(f"begun {since:.2f} s after: took {took:.2f} s, before the loss at most {slowest:.2f} s")
    figures = (
        f"{len(before)} before, slowest {_slowest(before):.2f} s; {len(under_way)} under way, "
        f"{sum(o['status'] != 200 for o in under_way)} failed; {len(after)} after, slowest {_slowest(after):.2f} s, "
        f"{sum(o['status'] != 200 for o in after)} failed"
    )
    return figures, broken


def _slowest(outcomes: list[dict[str, Any]]) -> float:
    return max((o["end"] - o["start"] for o in outcomes), default=0.0)


def main() -> None:
    """Print the figures; exit with every broken promise when there is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outcomes", type=Path, required=True)
    parser.add_argument("--lost-at", type=float, required=True, help="seconds since the epoch")
    parser.add_argument("--longest-wait", type=float, required=True, help="seconds")
    options = parser.parse_args()
    outcomes = [json.loads(line) for line in options.outcomes.read_text(encoding="utf-8").splitlines()]
    figures, broken = judge(outcomes, options.lost_at, options.longest_wait)
    print(figures)
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
