# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators.cuda import cuda_in, too_old


@pytest.mark.parametrize(
    ("environment", "cuda"),
    [
        (["PATH=/usr/bin", "CUDA_VERSION=13.0.2", "NVIDIA_REQUIRE_CUDA=cuda>=13.0 brand=tesla,driver>=535"], "13.0.2"),
        (["NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=unknown,driver>=470,driver<471"], "12.8"),
        (["PATH=/usr/bin", "BROKEN"], None),
    ],
)
def test_the_cuda_of_an_image(environment: list[str], cuda: str | None) -> None:
    assert cuda_in(environment) == cuda


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [("580.65.06", "13.0.2"), ("590.44.01", "12.8"), ("525.60.13", "12.9.1"), ("470.82.01", "11.8"), ("570", "14.0")],
)
def test_a_driver_that_is_new_enough(driver: str, cuda: str) -> None:
    assert too_old(driver, {"image": cuda}) == []


@pytest.mark.parametrize(
    ("driver", "cuda", "fine"),
    [("570.172.08", "13.0.2", True), ("535.247.01", "13.0", True), ("550", "13.0", False), ("470", "12.4", False)],
)
def test_compatibility_libraries_are_for_some_branches(driver: str, cuda: str, fine: bool) -> None:
    assert (too_old(driver, {"image": cuda}, compatible=True) == []) is fine


@pytest.mark.parametrize("driver", ["580-server", "latest", ""])
def test_a_branch_that_is_none_is_not_judged(driver: str) -> None:
    assert too_old(driver, {"image": "13.0.2"}) == []


@pytest.mark.parametrize(
    ("driver", "cuda", "message"),
    [
        (
            "570.172.08",
            "13.0.2",
            "Failed to run vllm with driver 570.172.08: it has CUDA 13.0.2, which needs driver 580 or newer. Set "
            "nvidia_branch to 580 or newer, or choose an image with CUDA 12.x; on data-centre GPUs "
            "VLLM_ENABLE_CUDA_COMPATIBILITY=1 in the service's environment does, too.",
        ),
        ("550", "13.0", "choose an image with CUDA 12.x."),
        ("470.82.01", "12.4", "Set nvidia_branch to 525 or newer, or choose an image with CUDA 11.x."),
        ("418.87", "11.8", "CUDA 10.x or older."),
    ],
)
def test_a_driver_that_is_too_old(driver: str, cuda: str, message: str) -> None:
    problems = too_old(driver, {"vllm": cuda, "other": "10.2"})
    assert len(problems) == 1
    assert message in str(problems[0])
