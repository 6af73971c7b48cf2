# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a model from the hub straight into a Hugging Face cache, every byte hashed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import FleetError
from .artifact import Artifact
from .cache_filling import DamagedError, disk_cause, fill_blobs
from .cache_layout import ModelFolder
from .hub import Hub
from .layout import Layout, RemoteFile
from .push import TOOL
from .selection import select
from .transfer.digests import hash_file
from .transfer.pieces import Extent, Piece, cut
from .transfer.progress import Progress

PIECE = 16 * 1024 * 1024  # bytes; a hub asks for a redirect with each


@dataclass(frozen=True)
class Snapshot:
    """A model in the cache. In check mode ``bytes_read`` is what would be read at most."""

    name: str
    repo_id: str
    revision: str
    commit: str
    path: str
    bytes_read: int
    changed: bool


def take(
    cache: Path, artifacts: Iterable[Artifact], hub: Hub, progress: Progress, *, check_mode: bool
) -> tuple[list[Snapshot], list[FleetError]]:
    """The snapshots that are in ``cache`` afterwards, and what went wrong with the others."""
    found: list[Snapshot] = []
    errors: list[FleetError] = []
    for artifact in artifacts:
        folder = ModelFolder(cache, artifact)
        try:
            whole = artifact.pinned and folder.is_whole()
            found.append(_snapshot(folder, artifact.revision) if whole else _take(folder, hub, progress, check_mode))
        except FleetError as error:
            errors.append(error)
    return found, errors


def _take(folder: ModelFolder, hub: Hub, progress: Progress, check_mode: bool) -> Snapshot:
    artifact = folder.artifact
    commit = hub.resolve(artifact)
    if folder.commit() == commit and folder.is_whole():
        return _snapshot(folder, commit)
    listed = hub.revision(artifact, commit).files
    chosen = set(select([file.path for file in listed], artifact))
    layout = Layout(artifact, commit, [file for file in listed if file.path in chosen])
    if check_mode:
        return _snapshot(folder, commit, sum(file.size for file in layout.blobs.values()), changed=True)
    attempted = f"Failed to download {artifact.label}"
    os.umask(0o022)  # containers read the cache as somebody else
    try:
        with folder.locked():
            received = _fill(folder, layout, hub.reader(artifact, commit), progress)
    except DamagedError as error:
        cause = f"{error} as downloaded is not what the hub says (its hash differs, twice)"
        raise FleetError(attempted, cause, "Does something between the hub and here change files?") from error
    except OSError as error:
        raise FleetError(attempted, *disk_cause(error, folder)) from error
    return _snapshot(folder, commit, received, changed=True)


def _fill(
    folder: ModelFolder,
    layout: Layout,
    read_file: Callable[[RemoteFile, int, memoryview], None],
    progress: Progress,
) -> int:
    """Make the snapshot whole; the number of bytes that were read for it."""
    blobs = layout.blobs
    sha256 = {}
    for name, file in blobs.items():
        path = folder.blob(name)
        if path.is_file() and path.stat().st_size == file.size:
            digest, right = hash_file(path, name)
            if right:
                sha256[name] = digest

    def pieces(names: Iterable[str]) -> Iterable[Piece]:
        for name in names:
            yield from cut(0, blobs[name].size, [Extent(name, 0, blobs[name].size)], PIECE)

    def read(piece: Piece, view: memoryview, attempt: int) -> None:  # noqa: ARG001  (the hub is the only source)
        for segment in piece.segments:
            read_file(blobs[segment.blob], segment.start, view)

    missing = {name: file for name, file in blobs.items() if name not in sha256}
    filled = fill_blobs(folder, missing, pieces, read, progress)
    folder.place(layout.manifest({**sha256, **filled.sha256}, TOOL))
    return filled.received


def _snapshot(folder: ModelFolder, commit: str, bytes_read: int = 0, *, changed: bool = False) -> Snapshot:
    artifact = folder.artifact
    path = str(folder.snapshot(commit))
    return Snapshot(artifact.name, artifact.repo_id, artifact.revision, commit, path, bytes_read, changed)
