# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Model repositories as a hub keeps them: each folder ``<root>/<org>/<name>`` is one at its branch, main.

A folder ``<root>/<org>/<name>@<anything>`` beside it is what it was at another commit, which stays there to be read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGE = re.compile(r".*\.(safetensors|bin|gguf|pt|tar|onnx)")  # kept beside git, known by their sha256
BRANCHES = ("main", "refs/heads/main")
CHUNK = 1 << 20
POINTER = 134  # bytes of the text that git has instead of a large file, about


@dataclass(frozen=True)
class File:
    """One file of a repository."""

    path: str  # within the repository
    source: Path
    size: int
    git_oid: str  # of the blob, or of the pointer to a large file
    sha256: str  # of a large file, otherwise empty

    @property
    def etag(self) -> str:
        """What a hub calls the content, and a cache its blob."""
        return self.sha256 or self.git_oid

    def as_entry(self) -> dict[str, Any]:
        """As the tree API lists it."""
        entry: dict[str, Any] = {"type": "file", "oid": self.git_oid, "size": self.size, "path": self.path}
        if self.sha256:
            entry["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": POINTER}
        return entry

    def as_sibling(self) -> dict[str, Any]:
        """As a model's information lists it."""
        sibling: dict[str, Any] = {"rfilename": self.path, "size": self.size, "blobId": self.git_oid}
        if self.sha256:
            sibling["lfs"] = {"sha256": self.sha256, "size": self.size, "pointerSize": POINTER}
        return sibling


@dataclass(frozen=True)
class Repository:
    """The repository ``id`` at one revision."""

    id: str
    files: tuple[File, ...]

    @property
    def commit(self) -> str:
        """Follows from the content: the same files are the same commit everywhere."""
        lines = "".join(f"{file.path}\0{file.etag}\n" for file in self.files)
        return hashlib.sha1(lines.encode(), usedforsecurity=False).hexdigest()

    def is_at(self, revision: str) -> bool:
        """Whether ``revision`` is its commit, or the beginning of that."""
        return len(revision) >= 7 and self.commit.startswith(revision)

    def file(self, path: str) -> File | None:
        """The file at ``path``."""
        return next((file for file in self.files if file.path == path), None)

    def entries(self, folder: str, recursive: bool) -> list[dict[str, Any]]:
        """What the tree API lists for ``folder``, which is empty for the root."""
        prefix = f"{folder}/" if folder else ""
        inside = [file for file in self.files if file.path.startswith(prefix)]
        folders = sorted({parent for file in inside for parent in _parents(file.path) if parent.startswith(prefix)})
        entries = [
            {"type": "directory", "oid": _blob_oid(name.encode()), "size": 0, "path": name} for name in folders
        ] + [file.as_entry() for file in inside]
        if not recursive:
            entries = [entry for entry in entries if "/" not in str(entry["path"])[len(prefix) :]]
        return sorted(entries, key=lambda entry: str(entry["path"]))


class Repositories:
    """All repositories below ``root``; what is put there or changed is seen at the next request."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[tuple[Path, int, int], File] = {}

    def find(self, repo_id: str) -> Repository | None:
        """The repository ``repo_id`` at its branch."""
        folder = self.root / repo_id
        if repo_id.count("/") != 1 or ".." in repo_id or not folder.is_dir():
            return None
        return self._read(repo_id, folder.resolve())  # a link is followed once: the branch may move meanwhile

    def at(self, repo_id: str, revision: str) -> Repository | None:
        """The repository at a branch, a commit, or the beginning of one."""
        current = self.find(repo_id)
        if current is None or revision in BRANCHES or current.is_at(revision):
            return current
        others = (self._read(repo_id, folder) for folder in sorted(self.root.glob(f"{repo_id}@*")))
        return next((other for other in others if other.is_at(revision)), None)

    def _read(self, repo_id: str, folder: Path) -> Repository:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return Repository(repo_id, tuple(self._file(folder, path) for path in paths))

    def _file(self, folder: Path, path: Path) -> File:
        stat = path.stat()
        key = (path, stat.st_size, stat.st_mtime_ns)
        if key not in self._known:
            self._known[key] = read_file(folder, path)
        return self._known[key]


def read_file(folder: Path, path: Path) -> File:
    """The file at ``path`` of the repository in ``folder``, its content hashed."""
    name = path.relative_to(folder).as_posix()
    size = path.stat().st_size
    if not LARGE.fullmatch(name):
        return File(name, path, size, _blob_oid(path.read_bytes()), "")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            digest.update(chunk)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest.hexdigest()}\nsize {size}\n"
    return File(name, path, size, _blob_oid(pointer.encode()), digest.hexdigest())


def _blob_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _parents(path: str) -> Iterable[str]:
    parts = path.split("/")[:-1]
    return ("/".join(parts[: count + 1]) for count in range(len(parts)))
