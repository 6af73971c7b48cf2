# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store has of the models, and addresses to read them at without credentials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import FleetError
from ..artifact import Artifact
from ..each import each
from ..manifest import Manifest
from .base import Store


@dataclass(frozen=True)
class Sight:
    """What the store has of one model."""

    name: str
    repo_id: str
    revision: str
    commit: str | None  # None where a branch or tag was never published
    key: str | None
    published: bool
    size: int | None  # bytes of the tar, uncompressed


def look(
    store: Store, artifacts: Iterable[Artifact], *, presign: int = 0
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[FleetError]]:
    """What is there of each artifact, what a host needs to fetch it, and what went wrong.

    ``presign`` is for how many seconds a host may fetch; without it there is nothing to fetch with, and an absent
    artifact is no error.
    """
    models: list[dict[str, Any]] = []
    sources: list[dict[str, Any]] = []
    errors: list[FleetError] = []
    for artifact, outcome in each(lambda artifact: _find(store, artifact), artifacts).items():
        if isinstance(outcome, FleetError):
            errors.append(outcome)
            continue
        sight, manifest = outcome
        models.append(asdict(sight))
        if not presign:
            continue
        if manifest is None or sight.key is None:
            errors.append(_absent(store, artifact, sight))
            continue
        url = store.address(sight.key, presign)
        sources.append(
            {
                "repo_id": artifact.repo_id,
                "revision": artifact.revision,
                "key": sight.key,
                "url": url,
                "manifest": manifest.as_dict(),
                "ca": store.settings.ca,
            }
        )
    return models, sources, errors


def _find(store: Store, artifact: Artifact) -> tuple[Sight, Manifest | None]:
    commit = store.commit_of(artifact)
    manifest = store.published(artifact, commit) if commit else None
    sight = Sight(
        name=artifact.name,
        repo_id=artifact.repo_id,
        revision=artifact.revision,
        commit=commit,
        key=store.key(artifact, commit) if commit else None,
        published=manifest is not None,
        size=manifest.tar_size if manifest else None,
    )
    return sight, manifest


def _absent(store: Store, artifact: Artifact, sight: Sight) -> FleetError:
    return FleetError(
        f"Failed to find {artifact.label} in the store",
        f"{store.url(sight.key or artifact.ref_key())} is absent, half an upload, or of other formats",
        "Publish the model first (playbooks/publish.yml).",
    )
