# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a driver is new enough for the CUDA in an image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..errors import FleetError

# The oldest driver branch for each major release of CUDA, whatever its minor: NVIDIA's CUDA Compatibility, "Minor
# Version Compatibility", table 1. Newer drivers run older CUDA.
OLDEST_BRANCH = {"13": 580, "12": 525, "11": 450}
# Branches from which data-centre GPUs can run CUDA 13 by the compatibility libraries in vLLM's images.
COMPATIBLE = {"13": (535, 570)}
BY_COMPATIBILITY = "VLLM_ENABLE_CUDA_COMPATIBILITY"  # in a container's environment: vLLM uses those libraries
BRANCH = re.compile(r"\d+(?=\.|$)")
REQUIRED = re.compile(r"\bcuda>=(\d+\.\d+)")


def cuda_in(environment: Iterable[str]) -> str | None:
    """The CUDA release that an image has by its environment (``NAME=value``); None where it does not say."""
    values = dict(entry.split("=", 1) for entry in environment if "=" in entry)
    required = REQUIRED.search(values.get("NVIDIA_REQUIRE_CUDA", ""))
    return values.get("CUDA_VERSION") or (required.group(1) if required else None)


def uses_compatibility(environment: Mapping[str, str | None]) -> bool:
    """Whether vLLM, in a container with this environment, uses its image's compatibility libraries."""
    return (environment.get(BY_COMPATIBILITY) or "").strip().lower() in ("1", "true")


def too_old(driver: str, images: Mapping[str, str], compatible: bool = False) -> list[FleetError]:
    """A problem for each of ``images`` (CUDA releases by reference) that ``driver``, such as 580.95.05, cannot run.

    With ``compatible`` they are run by their compatibility libraries.
    """
    found = BRANCH.match(driver)
    if found is None:
        return []  # choosing a version says which branches there are
    branch = int(found.group())
    problems = []
    for image, cuda in images.items():
        major = cuda.split(".")[0]
        oldest = OLDEST_BRANCH.get(major)
        helps = branch in COMPATIBLE.get(major, ())
        if oldest is None or branch >= oldest or (compatible and helps):
            continue
        fix = f"Set nvidia_branch to {oldest} or newer, or choose an image with CUDA {_runnable(branch)}"
        if helps:
            fix += f"; on data-centre GPUs {BY_COMPATIBILITY}=1 in the service's environment does, too"
        problems.append(
            FleetError(
                f"Failed to run {image} with driver {driver}",
                f"it has CUDA {cuda}, which needs driver {oldest} or newer",
                f"{fix}.",
                "cuda",
            )
        )
    return problems


def _runnable(branch: int) -> str:
    """The newest major release of CUDA that a driver branch runs."""
    return next((f"{major}.x" for major, oldest in OLDEST_BRANCH.items() if branch >= oldest), "10.x or older")
