# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Hugging Face hub, or a mirror of it, through huggingface_hub. Runs on the publisher only."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FleetError
from .archive import RemoteFile
from .artifact import Artifact

WORKERS = 8  # files at a time
TOKEN_VARIABLE = "model_store_hub_token"  # noqa: S105  (its name, not its value)


@dataclass(frozen=True)
class Revision:
    commit: str
    files: tuple[RemoteFile, ...]


class Hub:
    """A hub at ``url`` (empty: huggingface_hub's own default). Only ``token`` is used, none of the user's own."""

    def __init__(self, url: str, token: str) -> None:
        self._library = _library()
        self._url = url.rstrip("/") or None
        self._token: str | bool = token or False
        self._api = self._library.HfApi(endpoint=self._url, token=self._token)

    @property
    def name(self) -> str:
        return self._url or "the hub"

    def resolve(self, artifact: Artifact) -> str:
        """The commit that the artifact's revision stands for now.

        Worth asking for a commit too: an error comes at once here, and after half a minute of retries from the listing.
        """
        with self._explained(artifact):
            return str(self._api.model_info(artifact.repo_id, revision=artifact.revision).sha)

    def revision(self, artifact: Artifact, commit: str) -> Revision:
        """All files of the repository at ``commit``, their content known to be readable with this token."""
        with self._explained(artifact):
            tree = self._api.list_repo_tree(artifact.repo_id, recursive=True, revision=commit)
            files = tuple(
                RemoteFile(entry.path, entry.lfs.sha256 if entry.lfs else entry.blob_id, entry.size)
                for entry in tree
                if isinstance(entry, self._library.hf_api.RepoFile)
            )
            if files:  # a gated repository lists its files to everybody
                url = self._library.hf_hub_url(artifact.repo_id, files[0].path, revision=commit, endpoint=self._url)
                self._library.get_hf_file_metadata(url, token=self._token, endpoint=self._url)
        return Revision(commit, files)

    def download(self, artifact: Artifact, commit: str, files: Iterable[RemoteFile], cache: Path) -> Path:
        """The folder of the snapshot in ``cache``, with all of ``files`` in it."""
        with self._explained(artifact):
            return Path(
                self._library.snapshot_download(
                    artifact.repo_id,
                    revision=commit,
                    cache_dir=cache,
                    allow_patterns=[glob.escape(file.path) for file in files],
                    max_workers=WORKERS,
                    endpoint=self._url,
                    token=self._token,
                )
            )

    @contextmanager
    def _explained(self, artifact: Artifact) -> Iterator[None]:
        try:
            yield
        except FleetError:
            raise
        except Exception as error:
            attempted = f"Failed to read {artifact.label} from {self.name}"
            raise FleetError(attempted, *self._cause(_root(error), artifact)) from error

    def _cause(self, error: BaseException, artifact: Artifact) -> tuple[str, str]:
        """Cause and next step, from whatever huggingface_hub raised."""
        errors = self._library.errors
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(error, errors.GatedRepoError) or status in (401, 403):
            refused = f"HTTP {status}, the repository is gated, private or does not exist"
            if self._token:
                step = f"Is its licence accepted by the account that {TOKEN_VARIABLE} belongs to, and the token valid?"
            else:
                step = f"Accept its licence on the hub and set {TOKEN_VARIABLE}."
            return refused, step
        if isinstance(error, errors.RevisionNotFoundError):
            return f"it has no revision {artifact.revision}", "Correct revision of the model in the description."
        if isinstance(error, errors.RepositoryNotFoundError) or status == 404:
            return "HTTP 404, no such repository or revision", "Correct repo_id or revision in the description."
        if status:
            return f"HTTP {status}", "Run again later; what was downloaded is kept."
        if isinstance(error, OSError) and error.errno:
            return os.strerror(error.errno), "Is there room and may we write in model_store_scratch_dir?"
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return said, "Is model_store_hub_url right, and can the publisher reach it?"


def forget(artifact: Artifact, cache: Path) -> None:
    """Give the room in ``cache`` back."""
    shutil.rmtree(cache / f"models--{artifact.flat_name}", ignore_errors=True)
    shutil.rmtree(cache / ".locks" / f"models--{artifact.flat_name}", ignore_errors=True)


def forget_fragments(artifact: Artifact, cache: Path) -> None:
    """Remove what a killed try left behind and no later one takes up."""
    for path in (cache / f"models--{artifact.flat_name}" / "blobs").glob("*.incomplete"):
        path.unlink(missing_ok=True)


def _root(error: BaseException) -> BaseException:
    """huggingface_hub wraps a refused connection into 'not found locally'; the operator wants the former."""
    while type(error).__name__ in ("LocalEntryNotFoundError", "IncompleteSnapshotError") and error.__cause__:
        error = error.__cause__
    return error


def _library() -> Any:
    # Read once, when the library is imported: no progress bars in a module's output, whole files as blobs.
    os.environ.update(
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_XET="1",
        HF_HUB_DISABLE_SHARED_BLOBS="1",
        HF_HUB_OFFLINE="0",
    )
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.hf_api
    except ImportError as error:
        raise missing_library("huggingface_hub", error) from error
    return huggingface_hub


def missing_library(name: str, error: ImportError) -> FleetError:
    return FleetError(
        f"Failed to use {name} with {sys.executable}",
        str(error),
        f"Let ansible_python_interpreter of the publisher name a Python that has {name} (requirements.txt).",
    )
