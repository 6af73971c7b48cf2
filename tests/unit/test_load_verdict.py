# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from tests.load.verdict import judge

LOST_AT = 100.0


def outcome(start, took=0.2, status=200):
    return {"start": start, "end": start + took, "status": status, "error": "" if status == 200 else "gone"}


STEADY = [outcome(90 + n) for n in range(9)] + [outcome(101 + n) for n in range(9)]


@pytest.mark.parametrize(
    ("extra", "broken"),
    [
        pytest.param([], 0, id="nothing happened"),
        pytest.param([outcome(99.9, 1, 502)], 0, id="under way when the replica died"),
        pytest.param([outcome(100.1, 1, 503)], 1, id="begun later and failed"),
        pytest.param([outcome(100.1, 2.1)], 0, id="waited, but within the promise"),
        pytest.param([outcome(100.1, 2.3)], 1, id="waited too long"),
        pytest.param([outcome(91, 0.1, 500)], 1, id="failed before anything was lost"),
    ],
)
def test_verdict(extra, broken):
    assert len(judge(STEADY + extra, LOST_AT, longest_wait=2)[1]) == broken


def test_a_load_that_saw_too_little_proves_nothing():
    assert judge(STEADY[:3], LOST_AT, longest_wait=2)[1]
