# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a model from the hub into the store, once per revision."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from ..errors import FleetError
from .archive import CHUNK, DamagedError, RemoteFile, TarStream, manifest_of, members, offsets
from .artifact import Artifact
from .hub import Hub, forget, forget_fragments
from .selection import select
from .store import Store

TOOL = "inference.fleet"
AT_A_TIME = 8  # questions to the store
SPARE = 64 * 1024 * 1024  # bytes of disk that stay free
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Publication:
    """Where a model lies in the store. In check mode ``size`` is what it will take."""

    name: str
    repo_id: str
    revision: str
    commit: str
    key: str
    size: int  # bytes of the tar
    changed: bool


class Publisher:
    def __init__(self, store: Store, hub: Callable[[], Hub], scratch: Path, check_mode: bool) -> None:
        self._store = store
        self._make_hub = hub  # only where something must be asked of it: importing its library takes a second
        self._made: Hub | None = None
        self._scratch = scratch / "hub"
        self._check_mode = check_mode

    def publish(self, artifacts: Iterable[Artifact]) -> tuple[list[Publication], list[FleetError]]:
        """What is in the store afterwards, and what went wrong with the others."""
        artifacts = list(artifacts)
        there = each(self._published, [artifact for artifact in artifacts if artifact.pinned])
        results: list[Publication] = []
        errors: list[FleetError] = []
        for artifact in artifacts:
            seen = there.get(artifact)
            try:
                if isinstance(seen, FleetError):
                    raise seen
                results.append(seen or self._publish(artifact))
            except FleetError as error:
                errors.append(error)
        return results, errors

    @property
    def _hub(self) -> Hub:
        if self._made is None:
            self._made = self._make_hub()
        return self._made

    def _published(self, artifact: Artifact, commit: str = "") -> Publication | None:
        commit = commit or artifact.revision
        manifest = self._store.published(artifact, commit)
        if manifest is None:
            return None
        return _publication(artifact, commit, artifact.key(commit), manifest.tar_size, changed=False)

    def _publish(self, artifact: Artifact) -> Publication:
        commit = self._hub.resolve(artifact)
        publication = None if artifact.pinned else self._published(artifact, commit)
        publication = publication or self._transfer(artifact, commit)
        if not artifact.pinned and self._store.commit_of(artifact) != commit:
            if not self._check_mode:
                self._store.put_ref(artifact, commit)
            publication = _publication(artifact, commit, publication.key, publication.size, changed=True)
        return publication

    def _transfer(self, artifact: Artifact, commit: str) -> Publication:
        revision = self._hub.revision(artifact, commit)
        chosen = set(select([file.path for file in revision.files], artifact))
        files = [file for file in revision.files if file.path in chosen]
        parts = members(artifact, commit, files)
        size = offsets(parts)[1]
        key = artifact.key(commit)
        if not self._check_mode:
            self._make_room(artifact, size)
            snapshot = self._hub.download(artifact, commit, files, self._scratch)

            def content(file: RemoteFile) -> BinaryIO:
                return (snapshot / file.path).open("rb")

            stream = TarStream(artifact, parts, content)
            try:
                self._store.put_tar(key, io.BufferedReader(stream, CHUNK), size)
            except DamagedError as error:
                (snapshot / error.blob.path).resolve().unlink()  # or the next try would take it up
                raise
            self._store.put_manifest(key, manifest_of(artifact, commit, files, parts, stream.sha256, TOOL))
            forget(artifact, self._scratch)
        return _publication(artifact, commit, key, size, changed=True)

    def _make_room(self, artifact: Artifact, size: int) -> None:
        attempted = f"Failed to download {artifact.label}"
        forget_fragments(artifact, self._scratch)
        try:
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            there = sum(f.stat().st_size for f in self._scratch.glob(f"models--{artifact.flat_name}/blobs/*"))
            free = shutil.disk_usage(self._scratch).free
        except OSError as error:
            raise FleetError(
                attempted, str(error), "Set model_store_scratch_dir to a folder we may write to."
            ) from error
        if size - there + SPARE > free:
            raise FleetError(
                attempted,
                f"{self._scratch} has {gib(free)} free, it needs {gib(size - there + SPARE)}",
                "Make room there, or set model_store_scratch_dir.",
            )


def each(
    function: Callable[[Artifact], Outcome], artifacts: Iterable[Artifact]
) -> dict[Artifact, Outcome | FleetError]:
    """What ``function`` makes of each artifact, or the FleetError it raised; several at a time."""

    def outcome(artifact: Artifact) -> Outcome | FleetError:
        try:
            return function(artifact)
        except FleetError as error:
            return error

    artifacts = list(artifacts)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip(artifacts, pool.map(outcome, artifacts)))


def gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _publication(artifact: Artifact, commit: str, key: str, size: int, *, changed: bool) -> Publication:
    return Publication(artifact.name, artifact.repo_id, artifact.revision, commit, key, size, changed)
