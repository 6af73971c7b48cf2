# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model as a tar: the Hugging Face cache layout under one folder, the same bytes for the same revision every time.

Sizes are known before any content is, so every offset is too; nothing is ever written to a temporary tar.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from posixpath import dirname, relpath
from typing import Any, BinaryIO

from ..errors import FleetError
from .artifact import Artifact
from .manifest import File, Manifest

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1024 * 1024  # bytes
CACHE_VERSION = b"1"  # what version.txt says: the version of the cache layout


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub lists it."""

    path: str
    blob: str  # sha256 of an LFS file, git's blob id of any other
    size: int  # bytes


@dataclass(frozen=True)
class Member:
    """A piece of the tar: a header, with the content that follows it."""

    header: bytes
    content: bytes = b""
    blob: RemoteFile | None = None  # whose content follows instead

    @property
    def size(self) -> int:
        return self.blob.size if self.blob else len(self.content)

    @property
    def padding(self) -> int:
        return -self.size % BLOCK


def members(artifact: Artifact, commit: str, files: Iterable[RemoteFile]) -> list[Member]:
    """The tar of ``files``, small blobs first, the snapshot's links after what they point to."""
    files = sorted(files, key=lambda file: file.path)
    top = artifact.flat_name
    model = f"{top}/models--{artifact.flat_name}"
    snapshot = f"{model}/snapshots/{commit}"
    links = {f"{snapshot}/{file.path}": f"{model}/blobs/{file.blob}" for file in files}
    folders = {top, model, f"{model}/blobs", f"{model}/refs", f"{model}/snapshots", snapshot}
    for link in links:
        while (link := dirname(link)) not in folders:
            folders.add(link)
    blobs = sorted({file.blob: file for file in files}.values(), key=lambda file: (file.size, file.blob))
    return [
        *(_member(folder, tarfile.DIRTYPE) for folder in sorted(folders)),
        _member(f"{top}/version.txt", content=CACHE_VERSION),
        *(_member(f"{model}/blobs/{file.blob}", blob=file) for file in blobs),
        _member(f"{model}/refs/main", content=commit.encode()),
        *(_member(link, tarfile.SYMTYPE, relpath(blob, dirname(link))) for link, blob in links.items()),
        Member(bytes(2 * BLOCK)),
    ]


def _member(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"", blob: RemoteFile | None = None
) -> Member:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    info.mode = 0o644 if kind == tarfile.REGTYPE else 0o755
    info.size = blob.size if blob else len(content)
    return Member(info.tobuf(tarfile.PAX_FORMAT), content, blob)


def offsets(parts: Iterable[Member]) -> tuple[dict[str, int], int]:
    """Where each blob's content starts in the tar, and the tar's size."""
    starts = {}
    position = 0
    for part in parts:
        position += len(part.header)
        if part.blob:
            starts[part.blob.blob] = position
        position += part.size + part.padding
    return starts, position


class DamagedError(FleetError):
    """A blob is not what the hub says it is."""

    blob: RemoteFile


class TarStream(io.RawIOBase):
    """The tar as a stream to read once, hashing on the way.

    ``opener`` gives a blob's content. A blob that is not what the hub says it is ends the stream with a DamagedError.
    """

    def __init__(self, artifact: Artifact, parts: list[Member], opener: Callable[[RemoteFile], BinaryIO]) -> None:
        self.sha256: dict[str, str] = {}  # of each blob read so far
        self._artifact = artifact
        self._opener = opener
        self._chunks = self._generate(parts)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _generate(self, parts: Iterable[Member]) -> Iterator[bytes]:
        for part in parts:
            yield part.header
            if part.blob:
                yield from self._content(part.blob)
            elif part.content:
                yield part.content
            if part.padding:
                yield bytes(part.padding)

    def _content(self, blob: RemoteFile) -> Iterator[bytes]:
        sha256 = hashlib.sha256()
        git = hashlib.sha1(b"blob %d\0" % blob.size, usedforsecurity=False)
        is_git = len(blob.blob) == 2 * git.digest_size
        left = blob.size
        with self._opener(blob) as file:
            while left > 0 and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                sha256.update(chunk)
                if is_git:
                    git.update(chunk)
                yield chunk
            oversized = bool(file.read(1))
        digest = git.hexdigest() if is_git else sha256.hexdigest()
        if left or oversized or digest != blob.blob:
            error = DamagedError(
                f"Failed to publish {self._artifact.label}",
                f"{blob.path} as downloaded is not what the hub says ({digest[:12]}… instead of {blob.blob[:12]}…)",
                "Nothing was published. Run again; if it stays, something between the hub and here changes files.",
            )
            error.blob = blob
            raise error
        self.sha256[blob.blob] = sha256.hexdigest()


def manifest_of(
    artifact: Artifact,
    commit: str,
    files: Iterable[RemoteFile],
    parts: Iterable[Member],
    sha256: dict[str, str],
    tool: str,
) -> Manifest:
    """What the tar of ``parts`` holds, once it was read and its blobs' hashes are known."""
    starts, size = offsets(parts)
    return Manifest(
        repo_id=artifact.repo_id,
        commit=commit,
        selection=artifact.selection,
        tar_size=size,
        files=tuple(
            File(file.path, file.blob, file.size, sha256[file.blob], starts[file.blob])
            for file in sorted(files, key=lambda file: file.path)
        ),
        tool=tool,
    )
