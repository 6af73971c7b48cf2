# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services ask of a host's processors and memory, read from how they are started."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..arguments import words_of
from ..artifacts.artifact import Artifact
from ..artifacts.cache_layout import ModelFolder
from ..artifacts.selection import WEIGHTS
from ..errors import FleetError
from ..host.system import GIB

BIND, SPACE = "VLLM_CPU_OMP_THREADS_BIND", "VLLM_CPU_KVCACHE_SPACE"
PARALLEL = ("--tensor-parallel-size", "-tp", "--pipeline-parallel-size", "-pp")
UTILIZATION = "--gpu-memory-utilization"


@dataclass(frozen=True)
class Wanted:
    """A service that is to run on the CPU."""

    name: str
    ranks: int = 1  # processes that compute, each with a KV cache of its own
    kv_gib: float | None = None  # of each rank; None: the description does not say
    weights_gib: float = 0.0  # of all ranks together; 0 where the model is not here yet
    binds: bool = False  # its environment says which cores it takes
    utilization: float | None = None  # of each rank's node, out of which vLLM itself makes the KV cache

    @property
    def says(self) -> bool:
        """Whether the description says what it takes."""
        return self.kv_gib is not None or self.utilization is not None


def wanted(service: Mapping[str, Any], cache: Path) -> Wanted:
    """What ``service`` (of vllm_services) asks for; its weights are measured in the Hugging Face ``cache``."""
    environment = service.get("environment") or {}
    flags = list(_flags(service["command"]))
    share = next((value for flag, value in reversed(flags) if flag == UTILIZATION), None)
    return Wanted(
        name=service["name"],
        # What is no number of processes vLLM itself refuses.
        ranks=math.prod(int(value) for flag, value in flags if flag in PARALLEL and value.isdigit()),
        kv_gib=_number(environment.get(SPACE), SPACE, service["name"]),
        weights_gib=_weights_gib(cache, service.get("model"), service.get("revision")),
        binds=BIND in environment,
        utilization=_number(share, UTILIZATION, service["name"]),
    )


def _flags(command: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of neighbouring words, among them each flag with its value."""
    words = words_of(command)
    return zip(words, words[1:])


def _number(given: Any, setting: str, name: str) -> float | None:
    if given is None:
        return None
    try:
        return float(given)
    except ValueError as error:
        raise FleetError(
            f"Failed to share out the memory with {name}", f"its {setting} is {given!r}", "Give it a number."
        ) from error


def _weights_gib(cache: Path, model: str | None, revision: str | None) -> float:
    if not model or not revision:
        return 0.0
    folder = ModelFolder(cache, Artifact(model, revision))
    files = folder.snapshot(folder.commit()).glob("*") if folder.commit() else ()
    endings = tuple(pattern[1:] for patterns in WEIGHTS.values() for pattern in patterns)
    return sum(file.stat().st_size for file in files if file.name.endswith(endings) and file.exists()) / GIB
