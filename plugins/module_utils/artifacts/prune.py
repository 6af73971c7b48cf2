# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving back the room of models in a cache that nobody wants and no container serves."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from ..docker.cli import docker, docker_json
from ..errors import FleetError
from .artifact import COMMIT, Artifact
from .cache_layout import ModelFolder

CONTAINERS = "Failed to see which models are served"


def served_arguments() -> list[list[str]]:
    """The arguments of each container here, running or not: one that has stopped may start again."""
    if shutil.which("docker") is None:
        return []
    names = docker("ps", "--all", "--quiet", attempted=CONTAINERS).split()
    if not names:
        return []
    return [list(container["Args"]) for container in docker_json("inspect", *names, attempted=CONTAINERS)]


def prune(
    cache: Path, wanted: Iterable[Artifact], served: Iterable[Collection[str]], *, check_mode: bool
) -> tuple[list[str], int, list[str]]:
    """The snapshots that went, the bytes that this freed, and the unwanted snapshots that stay because they are served.

    ``served`` are the arguments of containers. One that names a repository keeps the commits that it names too, or all
    of them where it names none.
    """
    served = list(served)
    kept: dict[str, set[str]] = {}
    for artifact in wanted:
        folder = ModelFolder(cache, artifact)
        kept.setdefault(folder.path.name, set()).add(folder.commit())
    gone: list[str] = []
    stay: list[str] = []
    freed = 0
    for path in sorted(cache.glob("models--*")):
        folder = ModelFolder(cache, Artifact(path.name.removeprefix("models--").replace("--", "/", 1), "main"))
        for snapshot in sorted(path.glob("snapshots/[!.]*")):
            if snapshot.name in kept.get(path.name, set()):
                continue
            if any(_serves(arguments, folder.artifact.repo_id, snapshot.name) for arguments in served):
                stay.append(str(snapshot))
                continue
            gone.append(str(snapshot))
        commits = {Path(name).name for name in gone if Path(name).parent.parent == path}
        begun_only = not any(path.glob("snapshots/[!.]*")) and path.name not in kept
        if commits or begun_only:
            freed += _free(folder, commits, check_mode)
    return gone, freed, stay


def _serves(arguments: Collection[str], repo_id: str, commit: str) -> bool:
    if repo_id not in arguments:
        return False
    commits = [word for word in arguments if COMMIT.fullmatch(word)]
    return not commits or commit in commits


def _free(folder: ModelFolder, commits: set[str], check_mode: bool) -> int:
    """Remove snapshots and the blobs that only they have; the bytes of those."""
    snapshots = {path.name: path for path in folder.path.glob("snapshots/[!.]*")}
    used = {
        link.resolve().name
        for name, snapshot in snapshots.items()
        if name not in commits
        for link in snapshot.rglob("*")
        if link.is_symlink()
    }
    blobs = [blob for blob in folder.path.glob("blobs/*") if blob.name not in used]
    freed = sum(blob.stat().st_size for blob in blobs)
    if check_mode:
        return freed
    try:
        with folder.locked():
            if commits == set(snapshots):
                shutil.rmtree(folder.path)
                return freed
            for name in commits:
                folder.forget(name)
            for blob in blobs:
                blob.unlink()
    except OSError as error:
        cause = f"{error.strerror or error} ({error.filename or folder.path})"
        raise FleetError(
            f"Failed to free the room of {folder.artifact.repo_id}", cause, "May we write there?"
        ) from error
    return freed
