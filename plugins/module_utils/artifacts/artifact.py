# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model as the fleet moves it: repository, revision, serialization formats, and where it lies in the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import FleetError
from ..quantize.calibration_target import GENERATIONS, Calibration
from ..quantize.schemes import ACCELERATORS, GAUDI

COMMIT = re.compile(r"[0-9a-f]{40}")
SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
FORMATS = ("safetensors", "bin", "pt", "gguf")
SHORT = 7  # characters of a commit that name its folder in the store


@dataclass(frozen=True)
class Artifact:
    """One model at one revision. ``revision`` is a commit, or a branch or tag that the hub resolves to one.

    What is made of a repository by quantization is a model of its own, with its scheme at the end of ``repo_id``.
    """

    repo_id: str
    revision: str
    family: str = ""
    name: str = ""  # what the description calls it
    formats: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    given_key: str = ""
    quantization: str = ""  # the scheme; empty: as it is on the hub
    calibration: Calibration | None = None  # what it is for, where it is made for some devices only

    @property
    def source(self) -> Artifact:
        """What it is made of."""
        return replace(self, repo_id=self.hub_id, quantization="", calibration=None, given_key="")

    @property
    def hub_id(self) -> str:
        """The repository on the hub that it comes from."""
        return self.repo_id.removesuffix(f"-{self.quantization}") if self.quantization else self.repo_id

    @property
    def pinned(self) -> bool:
        return COMMIT.fullmatch(self.revision) is not None

    @property
    def flat_name(self) -> str:
        """``org--name``, as it stands in file names."""
        return self.repo_id.replace("/", "--")

    @property
    def label(self) -> str:
        revision = self.revision[:SHORT] if self.pinned else self.revision
        prefix = f"{self.name} " if self.name and self.name != self.repo_id else ""
        return f"{prefix}({self.repo_id} at {revision})" if prefix else f"{self.repo_id} at {revision}"

    @property
    def selection(self) -> dict[str, list[str]]:
        """What decides which of the repository's files belong to it, beside the revision."""
        return {"formats": list(self.formats), "include": list(self.include), "exclude": list(self.exclude)}

    def key(self, commit: str, suffix: str = "") -> str:
        """Where its tar lies in the store; ``suffix`` says how it is compressed."""
        folder = commit[:SHORT] + (f"-{self.quantization}" if self.quantization else "")
        folder += self.calibration.suffix if self.calibration else ""
        return self.given_key or f"models/{self.family}/{folder}/{self.flat_name}.tar{suffix}"

    def ref_key(self) -> str:
        """Where the store keeps the commit that a branch or tag was published at."""
        return f"models/{self.family}/refs/{self.flat_name}/{self.revision}.json"


def manifest_key(key: str) -> str:
    return f"{key}.manifest.json"


def quantized_id(repo_id: str, scheme: str) -> str:
    """What the model is called that ``scheme`` makes of ``repo_id``; with no scheme, that itself."""
    return f"{repo_id}-{scheme}" if scheme else repo_id


def entry_id(entry: Mapping[str, Any]) -> tuple[str, str]:
    """What tells one of the ``models`` parameter, or of what the modules return for it, from the others."""
    return quantized_id(str(entry["repo_id"]), str(entry.get("quantization") or "")), str(entry["revision"])


def artifacts(entries: Iterable[Mapping[str, Any]], *, family_needed: bool) -> list[Artifact]:
    """The ``models`` parameter of the modules, once each; FleetError names all entries that cannot be meant."""
    found: dict[tuple[str, str], Artifact] = {}
    problems = []
    for index, entry in enumerate(entries):
        artifact = _artifact(entry)
        same = found.setdefault((artifact.repo_id, artifact.revision), artifact)
        problem = _problem(artifact, family_needed)
        if not problem and same.calibration != artifact.calibration:
            problem = f"{artifact.label} is there twice, for {same.calibration} and for {artifact.calibration}"
        if not problem and (same.selection, same.family) != (artifact.selection, artifact.family):
            problem = f"{artifact.label} is there twice, with different formats, patterns or family"
        if problem:
            problems.append(f"entry {index + 1}: {problem}")
    if problems:
        raise FleetError("Failed to read the list of models", "; ".join(problems), "Correct the description.")
    return list(found.values())


def _artifact(entry: Mapping[str, Any]) -> Artifact:
    def words(key: str) -> tuple[str, ...]:
        return tuple(str(word) for word in entry.get(key) or ())

    def text(key: str) -> str:
        return str(entry.get(key) or "")

    return Artifact(
        repo_id=quantized_id(text("repo_id"), text("quantization")),
        revision=text("revision"),
        family=text("family"),
        name=text("name"),
        formats=words("formats"),
        include=words("include"),
        exclude=words("exclude"),
        given_key=text("key"),
        quantization=text("quantization"),
        calibration=_calibration(entry) if entry.get("quantization") == GAUDI else None,
    )


def _calibration(entry: Mapping[str, Any]) -> Calibration:
    parallel = str(entry.get("tensor_parallel_size") or "1")
    return Calibration(str(entry.get("device_generation") or ""), int(parallel) if parallel.isdecimal() else 0)


def _problem(artifact: Artifact, family_needed: bool) -> str:
    parts = artifact.repo_id.split("/")
    if len(parts) > 2 or not all(SEGMENT.fullmatch(part) for part in parts):
        return f"repo_id {artifact.repo_id!r} is not of the form org/name"
    if not REVISION.fullmatch(artifact.revision) or ".." in artifact.revision:
        return f"revision {artifact.revision!r} of {artifact.repo_id} is not a commit, branch or tag"
    if family_needed and not artifact.given_key and not SEGMENT.fullmatch(artifact.family):
        return f"family {artifact.family!r} of {artifact.repo_id} is not a folder name"
    if artifact.quantization and artifact.quantization not in ACCELERATORS:
        return f"quantization {artifact.quantization!r} of {artifact.hub_id} is none of {', '.join(ACCELERATORS)}"
    target = artifact.calibration
    if target and (target.generation not in GENERATIONS or target.parallel < 1):
        told = f"device_generation {' or '.join(GENERATIONS)} and a tensor_parallel_size"
        return f"{artifact.repo_id} needs the {told} that it is to be served on"
    unknown = [word for word in artifact.formats if word not in FORMATS]
    if unknown:
        return f"format {', '.join(unknown)} of {artifact.repo_id} is none of {', '.join(FORMATS)}"
    return ""
