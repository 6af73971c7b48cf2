# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a model from the hub straight into a Hugging Face cache, every byte hashed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import FleetError
from .artifact import Artifact
from .cache_filling import DamagedError, disk_cause, fill_blobs
from .cache_layout import ModelFolder
from .content import Content
from .layout import Layout
from .manifest import is_derived
from .origin import Origin
from .push import TOOL
from .transfer.digests import Digests, hash_file
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


# Given a model's folder, before it appears: what is to stand in its proof, too. Raises FleetError to keep it out.
Approve = Callable[[Path], Mapping[str, Any]]


def take(
    cache: Path, artifacts: Iterable[Artifact], origin: Origin, progress: Progress, *, check_mode: bool
) -> tuple[list[Snapshot], list[FleetError]]:
    """The snapshots that are in ``cache`` afterwards, and what went wrong with the others."""
    found: list[Snapshot] = []
    errors: list[FleetError] = []
    for artifact in artifacts:
        folder = ModelFolder(cache, artifact)
        try:
            found.append(bring(folder, origin, progress, check_mode=check_mode))
        except FleetError as error:
            errors.append(error)
    return found, errors


def bring(
    folder: ModelFolder, origin: Origin, progress: Progress, approve: Approve | None = None, *, check_mode: bool
) -> Snapshot:
    """The snapshot that is in ``folder`` afterwards; FleetError where it cannot be."""
    artifact = folder.artifact
    if artifact.pinned and folder.is_whole():
        return there(folder, artifact.revision)
    commit = origin.commit(artifact)
    if folder.commit() == commit and folder.is_whole():
        return there(folder, commit)
    content = origin.content(artifact, commit)
    if check_mode:
        sizes = {file.blob: file.size for file in content.files}
        return there(folder, commit, sum(sizes.values()), changed=True)
    return put(folder, commit, content, progress, approve)


def put(
    folder: ModelFolder, commit: str, content: Content, progress: Progress, approve: Approve | None = None
) -> Snapshot:
    """Make ``content`` the snapshot ``commit`` of ``folder``."""
    artifact = folder.artifact
    layout = Layout(artifact, commit, content.files)
    attempted = f"Failed to bring {artifact.label} into the cache"
    os.umask(0o022)  # containers read the cache as somebody else
    try:
        with folder.locked():
            received = _fill(folder, layout, content, progress, approve)
    except DamagedError as error:
        cause = f"{error}, as it was read, is not what it should be (its hash differs)"
        raise FleetError(attempted, cause, "Run again; if it stays, something on the way changes files.") from error
    except OSError as error:
        raise FleetError(attempted, *disk_cause(error, folder)) from error
    return there(folder, commit, received, changed=True)


def _fill(folder: ModelFolder, layout: Layout, content: Content, progress: Progress, approve: Approve | None) -> int:
    """Make the snapshot whole; the number of bytes that were read for it."""
    if content.sources:
        folder.forget_partials()  # whether they are right could not be told
    blobs = layout.blobs
    proven = folder.derived()
    sha256 = {}
    for name, file in blobs.items():
        path = folder.blob(name)
        if path.is_file() and path.stat().st_size == file.size:
            digest, right = hash_file(path, name)
            # What a run made that did not live to prove it is made again, as its proof needs it to be read in any case.
            if right and (not is_derived(name) or proven.get(name) == digest):
                sha256[name] = digest

    def pieces(names: Iterable[str]) -> Iterable[Piece]:
        for name in names:
            yield from cut(0, blobs[name].size, [Extent(name, 0, blobs[name].size)], PIECE)

    missing = {name: file for name, file in blobs.items() if name not in sha256}
    paths = {file.path for file in missing.values()}
    hashed = Digests({file.blob: file.size for file in content.sources if file.path in paths})
    read_file = content.reader(hashed)

    def read(piece: Piece, view: memoryview, attempt: int) -> None:  # noqa: ARG001  (the origin is the only source)
        for segment in piece.segments:
            read_file(blobs[segment.blob], segment.start, view)

    new = [name for name in missing if not folder.blob(name).exists()]
    filled = fill_blobs(folder, missing, pieces, read, progress, content.sha256, copies=content.copies)
    sha256.update(filled.sha256)
    manifest = layout.manifest(sha256, TOOL)
    try:
        if hashed.damaged:
            raise DamagedError(", ".join(file.path for file in content.sources if file.blob in hashed.damaged))
        quantization = dict(content.conclude({**hashed.sha256, **sha256}))
        if approve:
            quantization["proof"] = {**quantization["proof"], **approve(folder.stage(manifest))}
    except (DamagedError, FleetError):
        folder.discard(manifest.commit, new)
        raise
    folder.place(replace(manifest, quantization=quantization))
    return filled.received


def there(folder: ModelFolder, commit: str, bytes_read: int = 0, *, changed: bool = False) -> Snapshot:
    """The snapshot ``commit`` of ``folder``, as modules return it."""
    artifact = folder.artifact
    path = str(folder.snapshot(commit))
    return Snapshot(artifact.name, artifact.repo_id, artifact.revision, commit, path, bytes_read, changed)
