# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services ask of a host's processors and memory, read from how they are started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..artifacts.artifact import Artifact
from ..artifacts.cache_layout import ModelFolder
from ..artifacts.selection import WEIGHTS
from ..host.system import GIB

BIND, SPACE = "VLLM_CPU_OMP_THREADS_BIND", "VLLM_CPU_KVCACHE_SPACE"
PARALLEL = ("--tensor-parallel-size", "--pipeline-parallel-size")


@dataclass(frozen=True)
class Wanted:
    """A service that is to run on the CPU."""

    name: str
    ranks: int = 1  # processes that compute, each with a KV cache of its own
    kv_gib: float | None = None  # of each rank; None: the description does not say
    weights_gib: float = 0.0  # of all ranks together; 0 where the model is not here yet
    binds: bool = False  # its environment says which cores it takes


def wanted(service: Mapping[str, Any], cache: Path) -> Wanted:
    """What ``service`` (of vllm_services) asks for; its weights are measured in the Hugging Face ``cache``."""
    environment = service.get("environment") or {}
    space = environment.get(SPACE)
    return Wanted(
        name=service["name"],
        ranks=_ranks(service["command"]),
        kv_gib=float(space) if space is not None else None,
        weights_gib=_weights_gib(cache, service.get("model"), service.get("revision")),
        binds=BIND in environment,
    )


def _ranks(command: list[str]) -> int:
    ranks = 1
    for flag, value in zip(command, command[1:]):
        if flag in PARALLEL and value.isdigit():  # what is no number vLLM itself refuses
            ranks *= int(value)
    return ranks


def _weights_gib(cache: Path, model: str | None, revision: str | None) -> float:
    if not model or not revision:
        return 0.0
    folder = ModelFolder(cache, Artifact(model, revision))
    files = folder.snapshot(folder.commit()).glob("*") if folder.commit() else ()
    endings = tuple(pattern[1:] for patterns in WEIGHTS.values() for pattern in patterns)
    return sum(file.stat().st_size for file in files if file.name.endswith(endings) and file.exists()) / GIB
