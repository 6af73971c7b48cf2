# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When role verify takes a prediction that the same run has made already."""

from __future__ import annotations

from typing import Any

import pytest

from .rendering import render

SERVICE = {"name": "vllm-0", "accelerator": "cpu", "max_model_len": 1024}
GIVEN = {"vllm-0": {"environment": {"VLLM_CPU_KVCACHE_SPACE": "7"}}}


@pytest.mark.parametrize(
    ("fits", "service", "placement", "taken"),
    [
        pytest.param(["yes"], {**SERVICE, "kv_cache_gib": 1}, GIVEN, True, id="the same services"),
        pytest.param(["yes"], SERVICE, {}, True, id="no role cpu"),
        pytest.param(["yes"], SERVICE, GIVEN, False, id="another KV cache since"),
        pytest.param(["unknown"], SERVICE, {}, False, id="it could not be computed"),
        pytest.param([], SERVICE, {}, False, id="it was not computed"),
    ],
)
def test_a_prediction_of_the_same_run(
    fits: list[str], service: dict[str, Any], placement: dict[str, Any], taken: bool
) -> None:
    seen = {"fit_services": [service], "fit": {"services": [{"name": "vllm-0", "fits": fit} for fit in fits]}}
    variables = {"verify_fit_services": [service], "cpu_placement": placement, "verify_seen": seen}
    assert render("verify", "_verify_is_predicted", **variables) is taken


def test_without_what_was_seen_it_is_computed() -> None:
    assert render("verify", "_verify_is_predicted", verify_fit_services=[SERVICE]) is False
