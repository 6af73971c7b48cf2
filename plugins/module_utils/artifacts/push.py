# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One model into the store in one pass: no tar and no snapshot on disk, and nothing visible before it is proven."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..errors import FleetError
from .artifact import Artifact
from .layout import Layout, RemoteFile
from .manifest import Manifest
from .stores.base import GoneError, Store, Upload
from .transfer.digests import Digests
from .transfer.move import Step, move
from .transfer.pieces import Piece, cover
from .transfer.progress import Progress
from .transfer.tar_source import TarSource

TOOL = "inference.fleet 1.0.0"
MIN_PART = 16 * 1024 * 1024  # bytes
MAX_PARTS = 9000  # S3 allows 10,000
READ_BACK_SECONDS = 12 * 3600

ReadFile = Callable[[RemoteFile, int, memoryview], None]  # fills the view with a file's bytes from an offset on


class Push:
    def __init__(self, artifact: Artifact, layout: Layout, key: str, store: Store, progress: Progress) -> None:
        self._what = f"publishing {artifact.label}"
        self._attempted = f"Failed to publish {artifact.label}"
        self._layout = layout
        self._key = key
        self._store = store
        self._progress = progress

    def run(self, read_file: ReadFile, keep: Step | None = None) -> Manifest:
        """The manifest, once the store has it. ``keep`` sees every piece on its way."""
        layout = self._layout
        part = max(MIN_PART, -(-layout.size // MAX_PARTS))
        upload = self._store.upload(self._key, layout.identity, layout.size, part)
        pieces = dict(enumerate(layout.pieces(part), 1))
        pending = {number: piece for number, piece in pieces.items() if upload.sizes.get(number) != piece.size}
        # What an earlier run sent was hashed by that run at best: read it back once it can be read.
        unseen = {s.blob for number, piece in pieces.items() if number not in pending for s in piece.segments}
        blobs = layout.blobs
        sizes = {blob: file.size for blob, file in blobs.items()}
        names = {blob: file.path for blob, file in blobs.items()}
        digests = Digests({blob: size for blob, size in sizes.items() if blob not in unseen})
        numbers = {piece.offset: number for number, piece in pending.items()}
        self._progress.begin(self._what, sizes, names)

        def step(piece: Piece, view: memoryview) -> None:
            layout.frame(piece, view)
            for segment in piece.segments:
                content = view[segment.at : segment.at + segment.size]
                read_file(blobs[segment.blob], segment.start, content)
            upload.put(numbers[piece.offset], view)
            if keep:
                keep(piece, view)
            digests.update(piece, view)
            self._refuse(digests, upload)
            self._progress.moved(piece)

        try:
            move(pending.values(), step, digests)
            upload.complete()
        except GoneError as error:
            if self._store.size(self._key) != layout.size:
                cause = "another publisher has ended our upload without completing its own"
                raise FleetError(self._attempted, cause, "Run again, on one publisher.") from error
        digests.sha256.update(self._read_back(unseen))
        manifest = layout.manifest(digests.sha256, TOOL)
        self._store.put_manifest(self._key, manifest)
        return manifest

    def _refuse(self, digests: Digests, upload: Upload) -> None:
        if digests.damaged:
            upload.abort()
            names = ", ".join(sorted(self._layout.blobs[blob].path for blob in digests.damaged))
            cause = f"{names} as downloaded is not what the hub says (its hash differs)"
            step = "Nothing was published. Run again; if it stays, something between the hub and here changes files."
            raise FleetError(self._attempted, cause, step)

    def _read_back(self, blobs: Iterable[str]) -> dict[str, str]:
        """sha256 of ``blobs`` as the store has them."""
        extents = [self._layout.extents[blob] for blob in blobs]
        if not extents:
            return {}
        digests = Digests({extent.blob: extent.size for extent in extents})
        address = self._store.address(self._key, READ_BACK_SECONDS)
        source = TarSource(address, self._store.settings.ca)

        def step(piece: Piece, view: memoryview) -> None:
            source.read(piece, view)
            digests.update(piece, view)

        with self._store.explained("read", self._key):
            move(cover(extents, MIN_PART, gap=MIN_PART), step, digests)
        if digests.damaged:
            self._store.delete(self._key)
            names = ", ".join(sorted(self._layout.blobs[blob].path for blob in digests.damaged))
            cause = f"{names} as the store has it is not what the hub says (its hash differs)"
            raise FleetError(self._attempted, cause, "Nothing was published. Run again.")
        return digests.sha256
