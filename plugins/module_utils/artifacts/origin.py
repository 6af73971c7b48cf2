# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model comes from: a cache that has it, the hub, or quantization of what one of them has."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ..errors import FleetError
from ..quantize.publish import quantized
from .artifact import Artifact
from .cached_snapshot import CachedSnapshot
from .content import Content, plain
from .hub import Hub
from .layout import RemoteFile
from .selection import select


class Origin:
    """The hub is not asked for what the cache has; either may be None."""

    def __init__(self, hub: Hub | None, cache: Path | None = None) -> None:
        self._known_hub = hub
        self._cache = cache
        self._found: dict[Artifact, CachedSnapshot | None] = {}

    def has(self, artifact: Artifact) -> bool:
        """Whether the cache has it."""
        return self._find(artifact) is not None

    def commit(self, artifact: Artifact) -> str:
        """What its revision means now."""
        known = self._find(artifact) or self._find(artifact.source)
        return known.commit if known else self._hub(artifact).resolve(artifact)

    def content(self, artifact: Artifact, commit: str) -> Content:
        cached = self._find(replace(artifact, revision=commit))
        if cached:
            return plain(_chosen(cached.files, artifact), cached.read_into, cached.quantization, cached.sha256)
        if artifact.quantization:
            return quantized(artifact, commit, self.content(artifact.source, commit))
        hub = self._hub(artifact)
        return plain(_chosen(hub.revision(artifact, commit).files, artifact), hub.reader(artifact, commit))

    def _find(self, artifact: Artifact) -> CachedSnapshot | None:
        if self._cache and artifact not in self._found:
            self._found[artifact] = CachedSnapshot.find(self._cache, artifact)
        return self._found.get(artifact)

    def _hub(self, artifact: Artifact) -> Hub:
        if self._known_hub is None:
            step = "Bring it there first (inference.fleet.hf_snapshot)."
            raise FleetError(f"Failed to find {artifact.label}", f"{self._cache} does not have it", step)
        return self._known_hub


def _chosen(files: Collection[RemoteFile], artifact: Artifact) -> list[RemoteFile]:
    chosen = set(select([file.path for file in files], artifact))
    return [file for file in files if file.path in chosen]
