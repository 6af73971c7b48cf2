# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes of blobs whose pieces arrive on several threads."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path

from ..manifest import is_derived
from .pieces import Piece

CHUNK = 1024 * 1024  # bytes
GIT = 40  # digits of git's blob id; an LFS file is named by its sha256


class StoppedError(Exception):
    """Another thread failed; its error is the one to tell."""


class Digests:
    """Takes each piece when its turn has come, for hashing needs the bytes of a blob in their order.

    Pieces must be begun in that order too, so that the one which others wait for is always being worked on. ``sizes``
    are those of the blobs in bytes; others pass unhashed. ``sha256`` has the blobs that are complete, ``damaged`` those
    of them whose content is not what their name says, or not what ``expected`` says.
    """

    def __init__(self, sizes: Mapping[str, int], expected: Mapping[str, str] | None = None) -> None:
        self.sha256: dict[str, str] = {}
        self.damaged: set[str] = set()
        self._expected = expected or {}
        self._turn = threading.Condition()
        self._stopped = False
        self._hashes = {blob: _Hash(blob, size) for blob, size in sizes.items()}
        for blob, digest in self._hashes.items():
            self._conclude(blob, digest)

    def update(self, piece: Piece, content: memoryview) -> list[str]:
        """Add what ``piece`` has of each blob; the blobs that are complete with it."""
        complete = []
        for segment in piece.segments:
            digest = self._hashes.get(segment.blob)
            if digest is None:
                continue
            self._await(digest, segment.start)
            digest.update(content[segment.at : segment.at + segment.size])
            with self._turn:
                digest.position += segment.size
                if self._conclude(segment.blob, digest):
                    complete.append(segment.blob)
                self._turn.notify_all()
        return complete

    def stop(self) -> None:
        """Nobody waits any longer."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()

    def _await(self, digest: _Hash, position: int) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._stopped or digest.position == position)
            if self._stopped:
                raise StoppedError

    def _conclude(self, blob: str, digest: _Hash) -> bool:
        if digest.position < digest.size:
            return False
        self.sha256[blob] = digest.sha256.hexdigest()
        if not digest.names(blob) or self._expected.get(blob, self.sha256[blob]) != self.sha256[blob]:
            self.damaged.add(blob)
        return True


def hash_file(path: Path, blob: str) -> tuple[str, bool]:
    """The file's sha256, and whether its content is what ``blob`` names."""
    digest = _Hash(blob, path.stat().st_size)
    buffer = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as content:
        while count := content.readinto(buffer):
            digest.update(buffer[:count])
    return digest.sha256.hexdigest(), digest.names(blob)


class _Hash:
    """sha256 of a blob, and git's hash where that is its name."""

    def __init__(self, blob: str, size: int) -> None:
        self.size = size
        self.position = 0  # bytes taken so far
        self.sha256 = hashlib.sha256()
        self._git = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if len(blob) == GIT else None

    def update(self, content: memoryview) -> None:
        self.sha256.update(content)
        if self._git:
            self._git.update(content)

    def names(self, blob: str) -> bool:
        """Whether ``blob`` is the name of this content, as far as it says."""
        return is_derived(blob) or (self._git or self.sha256).hexdigest() == blob
