# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One model into the store in one pass: no tar and no snapshot on disk, and nothing visible before it is proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ..errors import FleetError
from .artifact import Artifact
from .content import Content
from .layout import Layout
from .manifest import Manifest
from .stores.base import GoneError, Store, Upload
from .tar_source import TarSource
from .transfer.compression import find_codec
from .transfer.digests import Digests
from .transfer.move import Step, move
from .transfer.pieces import Piece
from .transfer.progress import Progress

TOOL = "inference.fleet 1.0.0"
MIN_PART = 16 * 1024 * 1024  # bytes
LEAST = 5 * 1024 * 1024  # bytes; S3 takes no smaller part but the last
MAX_PARTS = 9000  # S3 allows 10,000
READ_BACK_SECONDS = 12 * 3600


class _WrongBytesError(Exception):
    """What the hub sent is not what it lists."""


class Push:
    """One model at one commit, to ``key`` of ``store``."""

    def __init__(self, artifact: Artifact, layout: Layout, key: str, store: Store, progress: Progress) -> None:
        self._what = f"publishing {artifact.label}"
        self._attempted = f"Failed to publish {artifact.label}"
        self._layout = layout
        self._key = key
        self._store = store
        self._progress = progress
        self._compression = store.settings.compression
        self._codec = find_codec(self._compression)
        self._part = max(MIN_PART, -(-layout.size // MAX_PARTS))
        self._identity = f"{layout.identity}-{self._compression}-{self._part}"

    def run(self, content: Content, keep: Step | None = None) -> Manifest:
        """The manifest, once the store has it. ``keep`` sees every piece on its way."""
        upload = self._store.upload(self._key, self._identity, self._layout.size, self._part)
        pieces = dict(enumerate(self._layout.pieces(self._part), 1))
        pending = {number: piece for number, piece in pieces.items() if number not in upload.sizes}
        # What an earlier run sent was hashed by that run at best: read it back once it can be read.
        known = {s.blob for number, piece in pieces.items() if number not in pending for s in piece.segments}
        sha256 = self._send(upload, pending, known, content, keep)
        unseen = set(self._layout.blobs) - set(sha256)
        frames = tuple(upload.sizes[number] for number in pieces) if self._codec else ()
        draft = self._layout.manifest({**dict.fromkeys(unseen, ""), **sha256}, TOOL)
        manifest = replace(draft, compression=self._compression, frame_size=self._part if frames else 0, frames=frames)
        if unseen:
            sha256.update(self._read_back(unseen, manifest, content))
            manifest = replace(manifest, files=self._layout.manifest(sha256, TOOL).files)
        manifest = replace(manifest, quantization=self._conclude(content, sha256))
        self._store.put_manifest(self._key, manifest)
        return manifest

    def _conclude(self, content: Content, sha256: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            return content.conclude(sha256)
        except FleetError:
            self._store.delete(self._key)
            raise

    def _send(
        self,
        upload: Upload,
        pending: Mapping[int, Piece],
        known: Collection[str],
        content: Content,
        keep: Step | None,
    ) -> dict[str, str]:
        """Complete ``upload`` with the parts that are ``pending``; sha256 of the blobs sent here.

        Those ``known`` are in the store already, at least in part.
        """
        layout = self._layout
        blobs = layout.blobs
        sizes = {blob: file.size for blob, file in blobs.items()}
        paths = {file.path for blob, file in blobs.items() if blob not in known}
        sources = {file.blob: file for file in content.sources if file.path in paths}
        sizes.update({blob: file.size for blob, file in sources.items()})
        digests = Digests({blob: size for blob, size in sizes.items() if blob not in known}, content.sha256)
        read = content.reader(digests)
        numbers = {piece.offset: number for number, piece in pending.items()}
        left: Counter[str] = Counter()  # bytes
        for piece in pending.values():
            left.update({segment.blob: segment.size for segment in piece.segments})
        self._progress.begin(self._what, left, {blob: blobs[blob].path for blob in left})

        def step(piece: Piece, view: memoryview) -> None:
            layout.frame(piece, view)
            for segment in piece.segments:
                read(blobs[segment.blob], segment.start, view[segment.at : segment.at + segment.size])
            last = piece.end == layout.size
            upload.put(numbers[piece.offset], self._codec.compress(view, 0 if last else LEAST) if self._codec else view)
            if keep:
                keep(piece, view)
            self._progress.moved(piece)  # before its turn to be hashed, which may be long in coming
            digests.update(piece, view)
            if digests.damaged:
                raise _WrongBytesError

        try:
            move(pending.values(), step, digests, copies=content.copies + bool(self._codec))
            upload.complete()
        except _WrongBytesError as error:
            upload.abort()  # not before: a part that is on its way would say that the upload is gone
            names = ", ".join(sorted({**sources, **blobs}[blob].path for blob in digests.damaged))
            cause = f"{names}, as it was read, is not what it should be (its hash differs)"
            next_step = "Nothing was published. Run again; if it stays, something on the way changes files."
            raise FleetError(self._attempted, cause, next_step) from error
        except GoneError as error:
            # The frames of another publisher are not known here; its plain tar is as ours.
            if self._codec or not self._store.holds(self._key, self._identity):
                cause = "another publisher has ended our upload"
                raise FleetError(self._attempted, cause, "Run again, on one publisher.") from error
        return digests.sha256

    def _read_back(self, blobs: Collection[str], manifest: Manifest, content: Content) -> dict[str, str]:
        """sha256 of ``blobs`` as the store has them."""
        extents = [self._layout.extents[blob] for blob in blobs]
        digests = Digests({extent.blob: extent.size for extent in extents}, content.sha256)
        source = TarSource(self._store.address(self._key, READ_BACK_SECONDS), manifest, self._store.settings.ca)

        def step(piece: Piece, view: memoryview) -> None:
            source.read(piece, view)
            digests.update(piece, view)

        with self._store.explained("read", self._key):
            move(source.pieces(extents), step, digests, copies=source.copies)
        if digests.damaged:
            self._store.delete(self._key)
            names = ", ".join(sorted(self._layout.blobs[blob].path for blob in digests.damaged))
            cause = f"{names}, as the store has it, is not what it should be (its hash differs)"
            raise FleetError(self._attempted, cause, "Nothing was published. Run again.")
        return digests.sha256
