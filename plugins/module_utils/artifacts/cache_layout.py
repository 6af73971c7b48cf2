# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Hugging Face cache on a host: which snapshots are whole, and putting one in place in a single step.

Needs nothing but the distribution's Python. Beside ``blobs``, ``refs`` and ``snapshots`` a model's folder here has
``manifests``: what each snapshot of ours consists of, so that a later look can tell whole from damaged.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import FleetError
from .artifact import COMMIT, Artifact
from .manifest import Manifest, is_derived, parse_manifest


class ModelFolder:
    """One repository's folder in the cache."""

    def __init__(self, cache: Path, artifact: Artifact) -> None:
        self.artifact = artifact
        self.path = cache / f"models--{artifact.flat_name}"

    def blob(self, name: str) -> Path:
        return self.path / "blobs" / name

    def snapshot(self, commit: str) -> Path:
        return self.path / "snapshots" / commit

    def commit(self) -> str:
        """The commit that the artifact's revision means here; empty where a branch or tag was never fetched."""
        if self.artifact.pinned:
            return self.artifact.revision
        try:
            said = (self.path / "refs" / self.artifact.revision).read_text().strip()
        except OSError:
            return ""
        return said if COMMIT.fullmatch(said) else ""

    def is_ours(self) -> bool:
        """Whether it says what the snapshot consists of."""
        return self._record(self.commit()).is_file()

    def is_whole(self) -> bool:
        """Whether every file of the snapshot is there with its size. Content was hashed when it was put in place."""
        manifest = self._manifest()
        if manifest is None or manifest.selection != self.artifact.selection:
            return False
        calibration = self.artifact.calibration
        if calibration and calibration.misfit(manifest.quantization, manifest.commit):
            return False
        snapshot = self.snapshot(manifest.commit)
        try:
            return all((snapshot / file.path).stat().st_size == file.size for file in manifest.files)
        except OSError:
            return False

    def quantization(self) -> Mapping[str, Any]:
        """What its manifest says of how it was quantized."""
        manifest = self._manifest()
        return manifest.quantization if manifest else {}

    def derived(self) -> dict[str, str]:
        """sha256 of the blobs that were made here and proven, for their names do not say it."""
        manifests = [self._read(record) for record in (self.path / "manifests").glob("*.json")]
        files = [file for manifest in manifests if manifest for file in manifest.files]
        return {file.blob: file.sha256 for file in files if is_derived(file.blob)}

    def _manifest(self) -> Manifest | None:
        return self._read(self._record(self.commit()))

    @staticmethod
    def _read(record: Path) -> Manifest | None:
        try:
            return parse_manifest(json.loads(record.read_text()), str(record))
        except (OSError, ValueError, FleetError):
            return None

    def stage(self, manifest: Manifest) -> Path:
        """The snapshot of ``manifest``, all of whose blobs are there, under a name that nobody looks for."""
        staging = self._staging(manifest.commit)
        shutil.rmtree(staging, ignore_errors=True)
        for file in manifest.files:
            link = staging / file.path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(self.blob(file.blob), link.parent))
        return staging

    def place(self, manifest: Manifest) -> None:
        """Make the snapshot of ``manifest``, all of whose blobs are there, appear; last of all and at once."""
        staging = self.stage(manifest)
        snapshot = self.snapshot(manifest.commit)
        self._write(self._record(manifest.commit), manifest.dumps())
        if snapshot.is_dir():
            self._complete(snapshot, staging, manifest)
        else:
            staging.rename(snapshot)
        for ref in {"main", self.artifact.revision} - {manifest.commit}:
            self._write(self.path / "refs" / ref, manifest.commit)
        self.forget_partials()

    def discard(self, commit: str, blobs: Iterable[str]) -> None:
        """Remove what was staged of a snapshot, and those of its blobs that no other one has."""
        shutil.rmtree(self._staging(commit), ignore_errors=True)
        for name in blobs:
            self.blob(name).unlink(missing_ok=True)

    def forget_partials(self) -> None:
        """Give back the room of what was begun and will not be taken up."""
        for pattern in ("*.partial", "*.pieces"):
            for path in (self.path / "blobs").glob(pattern):
                path.unlink()

    def forget(self, commit: str) -> None:
        """Remove a snapshot, and what points to it; its blobs stay."""
        for ref in (self.path / "refs").rglob("*"):
            if ref.is_file() and ref.read_text().strip() == commit:
                ref.unlink()
        self._record(commit).unlink(missing_ok=True)
        shutil.rmtree(self.snapshot(commit))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One writer at a time; the lock ends with the process, however that ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".fleet.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _staging(self, commit: str) -> Path:
        return self.path / "snapshots" / f".{commit}.staging"

    def _record(self, commit: str) -> Path:
        return self.path / "manifests" / f"{commit}.json"

    @staticmethod
    def _complete(snapshot: Path, staging: Path, manifest: Manifest) -> None:
        """Replace single links of a snapshot that may be in use, so that no file that is served ever goes missing."""
        for file in manifest.files:
            link = snapshot / file.path
            link.parent.mkdir(parents=True, exist_ok=True)
            (staging / file.path).replace(link)
        shutil.rmtree(staging)
        if manifest.quantization:  # all of it was made here: what was measured for other devices must not mix with it
            wanted = {snapshot / file.path for file in manifest.files}
            for path in set(snapshot.rglob("*")) - wanted:
                if path.is_symlink():
                    path.unlink()

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.staging")
        staged.write_text(text)
        staged.replace(path)
