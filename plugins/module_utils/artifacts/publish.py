# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing models from the hub into the store, once per revision."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import FleetError
from .artifact import Artifact
from .cache_filling import CacheFilling, disk_cause
from .cache_layout import ModelFolder
from .content import Content
from .each import each
from .fetch import Source, fetch
from .hub import Hub
from .layout import Layout
from .origin import Origin
from .push import Push
from .stores.base import Store
from .transfer.progress import Progress

FETCH_SECONDS = 3600


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
    """``cache`` is a Hugging Face cache here: what it has is not asked of the hub, and with ``fill_cache`` it gets what
    is published.
    """

    def __init__(
        self,
        store: Store,
        hub: Hub,
        *,
        cache: Path | None = None,
        fill_cache: bool = False,
        progress: Progress,
        check_mode: bool,
    ) -> None:
        self._store = store
        self._origin = Origin(hub, cache)
        self._cache = cache
        self._fill_cache = fill_cache
        self._progress = progress
        self._check_mode = check_mode

    def publish(self, artifacts: Collection[Artifact]) -> tuple[list[Publication], list[FleetError]]:
        """What is in the store afterwards, and what went wrong with the others."""
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

    def _published(self, artifact: Artifact, commit: str = "") -> Publication | None:
        commit = commit or artifact.revision
        manifest = self._store.published(artifact, commit)
        if manifest is None:
            return None
        return _publication(artifact, commit, self._store.key(artifact, commit), manifest.tar_size, changed=False)

    def _publish(self, artifact: Artifact) -> Publication:
        commit = self._origin.commit(artifact)
        publication = None if artifact.pinned else self._published(artifact, commit)
        publication = publication or self._transfer(artifact, commit)
        if not artifact.pinned and self._store.commit_of(artifact) != commit:
            if not self._check_mode:
                self._store.put_ref(artifact, commit)
            publication = _publication(artifact, commit, publication.key, publication.size, changed=True)
        return publication

    def _transfer(self, artifact: Artifact, commit: str) -> Publication:
        content = self._origin.content(artifact, commit)
        layout = Layout(artifact, commit, content.files)
        key = self._store.key(artifact, commit)
        if not self._check_mode:
            push = Push(artifact, layout, key, self._store, self._progress)
            if self._cache and self._fill_cache and not self._origin.has(replace(artifact, revision=commit)):
                self._push_and_keep(push, artifact, layout, key, content)
            else:
                push.run(content)
        return _publication(artifact, commit, key, layout.size, changed=True)

    def _push_and_keep(self, push: Push, artifact: Artifact, layout: Layout, key: str, content: Content) -> None:
        """Publish, and leave the same bytes in the cache."""
        folder = ModelFolder(self._cache or Path(), artifact)
        sizes = {blob: file.size for blob, file in layout.blobs.items()}
        try:
            with folder.locked(), CacheFilling(folder, sizes) as filling:
                filling.require_room()
                manifest = push.run(content, filling.write)
        except OSError as error:
            raise FleetError(f"Failed to cache {artifact.label}", *disk_cause(error, folder)) from error
        # It takes up what has just been written, hashes it, and reads only what an earlier run sent without keeping it.
        address = self._store.address(key, FETCH_SECONDS)
        fetch(folder, Source(address, key, manifest, self._store.settings.ca), self._progress)


def _publication(artifact: Artifact, commit: str, key: str, size: int, *, changed: bool) -> Publication:
    return Publication(artifact.name, artifact.repo_id, artifact.revision, commit, key, size, changed)
