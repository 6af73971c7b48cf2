# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same question for several models at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..errors import FleetError
from .artifact import Artifact

AT_A_TIME = 8
Outcome = TypeVar("Outcome")


def each(
    function: Callable[[Artifact], Outcome], artifacts: Iterable[Artifact]
) -> dict[Artifact, Outcome | FleetError]:
    """What ``function`` makes of each artifact, or the FleetError it raised."""

    def outcome(artifact: Artifact) -> Outcome | FleetError:
        try:
            return function(artifact)
        except FleetError as error:
            return error

    artifacts = list(artifacts)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip(artifacts, pool.map(outcome, artifacts)))
