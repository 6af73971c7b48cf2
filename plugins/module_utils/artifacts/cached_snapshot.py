# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot that lies in a Hugging Face cache already, whoever put it there, as a source to publish from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .artifact import Artifact
from .cache_layout import ModelFolder
from .layout import RemoteFile
from .manifest import BLOB
from .transfer.digests import hash_file
from .transfer.partial_file import read_into


@dataclass(frozen=True)
class CachedSnapshot:
    commit: str
    folder: Path
    files: tuple[RemoteFile, ...]
    quantization: Mapping[str, Any]  # as in a manifest
    sha256: Mapping[str, str]  # of blobs whose name does not say it

    @classmethod
    def find(cls, cache: Path, artifact: Artifact) -> CachedSnapshot | None:
        """The artifact's snapshot in ``cache``, if it is there and, as far as can be told, whole."""
        folder = ModelFolder(cache, artifact)
        commit = folder.commit()
        snapshot = folder.snapshot(commit)
        if not commit or not snapshot.is_dir() or (folder.is_ours() and not folder.is_whole()):
            return None
        if not all(path.is_file() for path in snapshot.rglob("*") if not path.is_dir()):
            return None  # links to what is gone
        found = cls.of(snapshot, commit, folder.quantization(), folder.derived())
        return found if found.files else None

    @classmethod
    def of(
        cls, folder: Path, commit: str, quantization: Mapping[str, Any], sha256: Mapping[str, str] | None = None
    ) -> CachedSnapshot:
        """The files in ``folder``, wherever that is."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = tuple(RemoteFile(str(path.relative_to(folder)), _blob(path), path.stat().st_size) for path in paths)
        return cls(commit, folder, files, quantization, sha256 or {})

    def read_into(self, file: RemoteFile, start: int, view: memoryview) -> None:
        """Fill ``view`` with the file's content from byte ``start`` on."""
        with (self.folder / file.path).open("rb", buffering=0) as content:
            read_into(content.fileno(), start, view)


def _blob(path: Path) -> str:
    """What the hub calls the file's content: the name of the blob that it links to, else its sha256."""
    name = path.readlink().name if path.is_symlink() else ""
    return name if BLOB.fullmatch(name) else hash_file(path, "")[0]
