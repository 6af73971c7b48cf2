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
from ..hub import Hub
from ..manifest import Manifest
from ..selection import select
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
    state: str  # complete, incomplete, absent
    size: int | None  # bytes of the tar, uncompressed
    hub_commit: str | None  # what the revision is at the hub now; None where that was not asked
    current: bool | None  # whether the store has just that, file by file


def look(
    store: Store, artifacts: Iterable[Artifact], *, presign: int = 0, hub: Hub | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[FleetError]]:
    """What is there of each artifact, what a host needs to fetch it, and what went wrong.

    ``presign`` is for how many seconds a host may fetch; without it there is nothing to fetch with, and an absent
    artifact is no error. With ``hub`` it is compared with what that has.
    """
    models: list[dict[str, Any]] = []
    sources: list[dict[str, Any]] = []
    errors: list[FleetError] = []
    for artifact, outcome in each(lambda artifact: _find(store, artifact, hub), artifacts).items():
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


def _find(store: Store, artifact: Artifact, hub: Hub | None) -> tuple[Sight, Manifest | None]:
    commit = store.commit_of(artifact)
    manifest = store.published(artifact, commit) if commit else None
    begun = manifest is not None or (commit is not None and store.is_begun(artifact, commit))
    hub_commit = hub.resolve(artifact) if hub else None
    sight = Sight(
        name=artifact.name,
        repo_id=artifact.repo_id,
        revision=artifact.revision,
        commit=commit,
        key=store.key(artifact, commit) if commit else None,
        published=manifest is not None,
        state="complete" if manifest else "incomplete" if begun else "absent",
        size=manifest.tar_size if manifest else None,
        hub_commit=hub_commit,
        current=_is_current(artifact, manifest, hub, hub_commit) if hub and hub_commit else None,
    )
    return sight, manifest


def _is_current(artifact: Artifact, manifest: Manifest | None, hub: Hub, commit: str) -> bool:
    if manifest is None or manifest.commit != commit:
        return False
    listed = {file.path: file.blob for file in hub.revision(artifact, commit).files}
    chosen = {path: listed[path] for path in select(listed, artifact)}
    made_of = manifest.quantization["source"]["files"] if manifest.quantization else None
    return chosen == (made_of or {file.path: file.blob for file in manifest.files})


def _absent(store: Store, artifact: Artifact, sight: Sight) -> FleetError:
    return FleetError(
        f"Failed to find {artifact.label} in the store",
        f"{store.url(sight.key or artifact.ref_key())} is absent, half an upload, or of other formats",
        "Publish the model first (playbooks/publish.yml).",
    )
