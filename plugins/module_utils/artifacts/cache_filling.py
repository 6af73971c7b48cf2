# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blobs of a cache being filled from wherever they come, in pieces; what a killed process left is taken up."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import FleetError
from ..sizes import GIB
from .cache_layout import ModelFolder
from .transfer.digests import Digests
from .transfer.move import move
from .transfer.partial_file import PartialFile
from .transfer.pieces import Piece
from .transfer.progress import Progress

SPARE = 256 * 1024 * 1024  # bytes of disk that stay free
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


ReadPiece = Callable[[Piece, memoryview, int], None]  # fills the view with the piece; the attempt's number, from 1


class Blob(Protocol):
    """What is known of a blob before it is there."""

    @property
    def path(self) -> str:
        """Of a file that has it as content."""

    @property
    def size(self) -> int:
        """In bytes."""


@dataclass(frozen=True)
class Filled:
    """``sha256`` of the blobs, and how many bytes came from the source."""

    sha256: Mapping[str, str]
    received: int


class DamagedError(Exception):
    """Files whose content was not right. Reads as their paths."""


def fill_blobs(
    folder: ModelFolder,
    blobs: Mapping[str, Blob],
    pieces: Callable[[Iterable[str]], Iterable[Piece]],
    read: ReadPiece,
    progress: Progress,
    expected: Mapping[str, str] | None = None,
    *,
    copies: int = 1,
) -> Filled:
    """Put ``blobs`` in place, in the ``pieces`` that hold them, each as ``read`` reads it.

    What is wrong the first time is read once more. ``expected`` are the blobs' sha256, where that is not their name;
    ``copies`` of a piece are what ``read`` takes with the buffer.
    """
    sha256: dict[str, str] = {}
    received = 0
    for attempt in (1, 2):
        sizes = {name: blob.size for name, blob in blobs.items()}
        progress.begin(f"fetching {folder.artifact.label}", sizes, {name: blob.path for name, blob in blobs.items()})
        with CacheFilling(folder, sizes) as filling:
            filling.require_room()
            digests = filling.fill(pieces(blobs), read, attempt, progress, expected, copies)
            received += filling.received
        sha256.update(digests.sha256)
        blobs = {name: blobs[name] for name in digests.damaged}
        if not blobs:
            return Filled(sha256, received)
    raise DamagedError(", ".join(sorted(blob.path for blob in blobs.values())))


class CacheFilling:
    """The blobs with ``sizes`` in bytes of a model's ``folder``, which its user holds locked. To be closed."""

    def __init__(self, folder: ModelFolder, sizes: Mapping[str, int]) -> None:
        self._folder = folder
        self._sizes = sizes
        self._files = {blob: PartialFile(folder.blob(blob), size) for blob, size in sizes.items()}
        self._received: list[int] = []  # bytes of pieces; a list, for several threads add to it

    def __enter__(self) -> CacheFilling:
        return self

    def __exit__(self, *_details: object) -> None:
        for file in self._files.values():
            file.close()

    @property
    def received(self) -> int:
        """Bytes that came from the source."""
        return sum(self._received)

    def require_room(self) -> None:
        """FleetError where the disk is too full."""
        needed = sum(self._sizes.values()) - sum(file.received for file in self._files.values())
        free = shutil.disk_usage(self._folder.path).free
        if needed and needed + SPARE > free:
            cause = f"{self._folder.path.parent} has {GIB.text(free)} free, it needs {GIB.text(needed + SPARE)}"
            attempted = f"Failed to bring {self._folder.artifact.label} into the cache"
            raise FleetError(attempted, cause, "Make room there, or set model_cache_dir.")

    def fill(
        self,
        pieces: Iterable[Piece],
        read: ReadPiece,
        attempt: int,
        progress: Progress,
        expected: Mapping[str, str] | None,
        copies: int,
    ) -> Digests:
        """Put blobs in place from ``pieces``; those that are damaged are gone afterwards."""
        digests = Digests(self._sizes, expected)

        def step(piece: Piece, view: memoryview) -> None:
            if self._has(piece):
                for segment in piece.segments:
                    self._files[segment.blob].read_into(segment.start, view[segment.at : segment.at + segment.size])
            else:
                read(piece, view, attempt)
                self.write(piece, view)
                self._received.append(piece.size)
            progress.moved(piece)  # before its turn to be hashed, which may be long in coming
            for blob in digests.update(piece, view):
                self._conclude(blob, digests)

        for blob in list(digests.sha256):  # the empty ones
            self._conclude(blob, digests)
        move(pieces, step, digests, copies=copies)
        return digests

    def write(self, piece: Piece, view: memoryview) -> None:
        """Keep what ``piece`` has of the blobs."""
        for segment in piece.segments:
            if segment.blob in self._files:
                self._files[segment.blob].write(segment.start, view[segment.at : segment.at + segment.size])

    def _conclude(self, blob: str, digests: Digests) -> None:
        if blob in digests.damaged:
            self._files[blob].discard()
        else:
            self._files[blob].finish()

    def _has(self, piece: Piece) -> bool:
        return all(
            segment.blob in self._files and self._files[segment.blob].has(segment.start, segment.size)
            for segment in piece.segments
        )


def disk_cause(error: OSError, folder: ModelFolder) -> tuple[str, str]:
    """Cause and next step. On a full disk, what others need comes before what we could resume."""
    said = f"{error.strerror or error} ({error.filename or folder.path.parent})"
    if error.errno in DISK_FULL:
        folder.forget_partials()
        return said, "Make room there, or set model_cache_dir. What was in the cache before is untouched."
    return said, "May we write there? Set model_cache_dir to a folder of this host."
