# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantized models in a cache, made of what the cache has, and proven before they appear there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..artifacts.artifact import Artifact
from ..artifacts.cache_layout import ModelFolder
from ..artifacts.cached_snapshot import CachedSnapshot
from ..artifacts.content import plain
from ..artifacts.hub import Hub
from ..artifacts.layout import RemoteFile
from ..artifacts.origin import Origin
from ..artifacts.snapshot import Approve, Snapshot, bring, put, there
from ..artifacts.transfer.progress import Progress
from ..errors import FleetError
from . import gaudi
from .arrays import require_numpy
from .calibration_target import FOLDER, Calibration, place
from .comparison import Runner, compare
from .config import CONFIG, read_json
from .container import end
from .gaudi import calibrate_in_container
from .likeness import likeness
from .llmcompressor import Options, quantize_in_container
from .proof import prove
from .publish import record
from .schemes import GAUDI, OWN
from .selection import ignored, require_unquantized
from .stored import StoredTensors


@dataclass(frozen=True)
class Maker:
    """``options`` are for schemes that go through llm-compressor, ``gaudi`` for what is measured on Gaudi.

    A ``runner`` runs source and result, to compare.
    """

    cache: Path
    hub: Hub  # that says what branches and tags are, and that sources come from which the cache does not have
    progress: Progress
    options: Options = field(default_factory=Options)
    gaudi: gaudi.Options = field(default_factory=gaudi.Options)
    runner: Runner | None = None

    def make(self, artifacts: Iterable[Artifact], *, check_mode: bool) -> tuple[list[Snapshot], list[FleetError]]:
        """The quantized models that are there afterwards, and what went wrong with the others."""
        found: list[Snapshot] = []
        errors: list[FleetError] = []
        for artifact in artifacts:
            folder = ModelFolder(self.cache, artifact)
            try:
                found.append(self._make(folder, check_mode))
            except FleetError as error:
                errors.append(error)
        return found, errors

    def _make(self, folder: ModelFolder, check_mode: bool) -> Snapshot:
        artifact = folder.artifact
        if not artifact.quantization:
            raise FleetError(f"Failed to quantize {artifact.label}", "it names no scheme", "Give it quantization.")
        commit = self._commit(artifact)
        if folder.commit() == commit and folder.is_whole():
            return there(folder, commit)
        self._require_image(artifact)
        if check_mode:
            return there(folder, commit, changed=True)
        source = self._source(replace(artifact.source, revision=commit))
        require_unquantized(read_json(CONFIG, source.files, source.read_into, artifact.label), artifact.label)
        if artifact.calibration:
            return self._calibrated(folder, source, artifact.calibration)
        approve = self._approval(artifact, source.folder)
        if artifact.quantization == OWN:
            return put(folder, commit, Origin(None, self.cache).content(artifact, commit), self.progress, approve)
        return self._through_container(folder, source, approve)

    def _commit(self, artifact: Artifact) -> str:
        """What its revision means now; what it meant in the cache, where the hub cannot say it."""
        if artifact.pinned:
            return artifact.revision
        try:
            return self.hub.resolve(artifact)
        except FleetError:
            known = CachedSnapshot.find(self.cache, artifact.source) or CachedSnapshot.find(self.cache, artifact)
            if known is None:
                raise
            return known.commit

    def _require_image(self, artifact: Artifact) -> None:
        """FleetError where that is missing which the scheme is made in."""
        if artifact.quantization == GAUDI and not self.gaudi.image:
            cause, option = "is measured by vLLM on Gaudi", "quantize_gaudi.image"
        elif artifact.quantization not in (OWN, GAUDI) and not self.options.image:
            cause, option = "goes through llm-compressor", "quantize_image"
        else:
            return
        cause = f"{artifact.quantization} {cause}, and there is no image that has it"
        raise FleetError(f"Failed to quantize {artifact.label}", cause, f"Set {option}.")

    def _source(self, artifact: Artifact) -> CachedSnapshot:
        found = CachedSnapshot.find(self.cache, artifact)
        if found is None:
            bring(ModelFolder(self.cache, artifact), Origin(self.hub), self.progress, check_mode=False)
            found = CachedSnapshot.find(self.cache, artifact)
        if found is None:
            cause = f"it is gone from {self.cache}, where it has just been"
            raise FleetError(f"Failed to find {artifact.label}", cause, "What else works there? Run again.")
        return found

    def _through_container(self, folder: ModelFolder, source: CachedSnapshot, approve: Approve | None) -> Snapshot:
        artifact, commit = folder.artifact, source.commit
        require_numpy()
        with StoredTensors(source.folder) as stored:
            kept = ignored(stored.tensors.values())
        with self._work(artifact, "model") as target:
            options = replace(self.options, ignored=kept)
            tools = quantize_in_container(source.folder, target, artifact.quantization, options)
            proof = prove(likeness(source.folder, target), artifact.label, artifact.quantization)
            said = record(
                artifact, commit, source.files, kept, {**tools.versions, "image": tools.image}, proof.as_dict()
            )
            made = CachedSnapshot.of(target, commit, said)
            return put(folder, commit, plain(made.files, made.read_into, said), self.progress, approve)

    def _calibrated(self, folder: ModelFolder, source: CachedSnapshot, calibration: Calibration) -> Snapshot:
        """The source's own files, and those of the measurement; that the former are equal, their hashes prove."""
        artifact, commit = folder.artifact, source.commit
        with self._work(artifact, FOLDER) as target:
            name, where = artifact.hub_id.rsplit("/", 1)[-1], place(artifact.repo_id, commit)
            made = calibrate_in_container(source.folder, target, name, where, calibration, self.gaudi)
            added = CachedSnapshot.of(target.parent, commit, {})
            proof = {"unchanged_files": len(source.files), "unchanged_bytes": sum(file.size for file in source.files)}
            tools = {**made.tools.versions, "image": made.tools.image}
            said = {
                **record(artifact, commit, source.files, (), tools, proof),
                "calibration": made.as_dict(calibration),
            }

            def read(file: RemoteFile, start: int, view: memoryview) -> None:
                (added if file in added.files else source).read_into(file, start, view)

            return put(folder, commit, plain([*source.files, *added.files], read, said), self.progress)

    @contextmanager
    def _work(self, artifact: Artifact, name: str) -> Iterator[Path]:
        """Where a container is to make the folder ``name``. What a killed run left of it goes, its container first."""
        room = ModelFolder(self.cache / ".quantize", artifact)
        with room.locked():
            work = room.path / "work"
            end(work / name)
            shutil.rmtree(work, ignore_errors=True)
            try:
                yield work / name
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def _approval(self, artifact: Artifact, source: Path) -> Approve | None:
        runner = self.runner
        if runner is None:
            return None
        return lambda made: compare(runner, source, made, self.cache, artifact.quantization, artifact.label)
