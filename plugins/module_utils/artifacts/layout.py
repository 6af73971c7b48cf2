# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model as a tar: the Hugging Face cache layout under one folder, the same bytes for the same revision every time.

Sizes are known before any content is, so every offset is too: any piece of the tar can be made without the others.
"""

from __future__ import annotations

import hashlib
import tarfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from posixpath import dirname, relpath

from .artifact import Artifact
from .manifest import File, Manifest
from .transfer.pieces import Extent, Piece, cut

BLOCK = tarfile.BLOCKSIZE
CACHE_VERSION = b"1"  # what version.txt says: the version of the cache layout


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub lists it."""

    path: str
    blob: str  # sha256 of an LFS file, git's blob id of any other
    size: int  # bytes


ReadFile = Callable[[RemoteFile, int, memoryview], None]  # fills the view with a file's content from a byte on


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


def _members(artifact: Artifact, commit: str, files: Iterable[RemoteFile]) -> list[Member]:
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


class Layout:
    """Where everything lies in the tar of ``files``."""

    def __init__(self, artifact: Artifact, commit: str, files: Iterable[RemoteFile]) -> None:
        self._artifact = artifact
        self._commit = commit
        self.files = sorted(files, key=lambda file: file.path)
        self.extents: dict[str, Extent] = {}  # of each blob
        self._literals: list[tuple[int, bytes]] = []  # everything else that is not zero, and where
        position = 0
        for member in _members(artifact, commit, self.files):
            self._literals.append((position, member.header))
            position += len(member.header)
            if member.blob:
                self.extents[member.blob.blob] = Extent(member.blob.blob, position, member.size)
            elif member.content:
                self._literals.append((position, member.content))
            position += member.size + member.padding
        self.size = position  # bytes

    @property
    def identity(self) -> str:
        """Differs wherever the tar's bytes would."""
        return hashlib.sha256(repr((self.size, self._literals)).encode()).hexdigest()

    @property
    def blobs(self) -> dict[str, RemoteFile]:
        """A file of each blob."""
        return {file.blob: file for file in self.files}

    def pieces(self, size: int) -> Iterator[Piece]:
        """The whole tar in pieces of ``size`` bytes."""
        return cut(0, self.size, self.extents.values(), size)

    def frame(self, piece: Piece, buffer: memoryview) -> None:
        """Write what ``piece`` has beside the content of blobs."""
        position = 0
        for segment in piece.segments:
            buffer[position : segment.at] = bytes(segment.at - position)
            position = segment.at + segment.size
        buffer[position:] = bytes(piece.size - position)
        first = max(0, bisect_right(self._literals, (piece.offset,)) - 1)
        for offset, literal in self._literals[first:]:
            if offset >= piece.end:
                break
            start, stop = max(offset, piece.offset), min(offset + len(literal), piece.end)
            if start < stop:
                buffer[start - piece.offset : stop - piece.offset] = literal[start - offset : stop - offset]

    def manifest(self, sha256: dict[str, str], tool: str) -> Manifest:
        """What the tar holds, once its blobs' hashes are known."""
        return Manifest(
            repo_id=self._artifact.repo_id,
            commit=self._commit,
            selection=self._artifact.selection,
            tar_size=self.size,
            files=tuple(
                File(file.path, file.blob, file.size, sha256[file.blob], self.extents[file.blob].offset)
                for file in self.files
            ),
            tool=tool,
        )
