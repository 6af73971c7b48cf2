# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of a tar that lies behind a URL: a presigned one, or a file's."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .manifest import Manifest
from .transfer.compression import Codec, CompressionError, find_codec
from .transfer.http import Client
from .transfer.partial_file import read_into
from .transfer.pieces import Extent, Piece, cover, cut

PIECE = 8 * 1024 * 1024  # bytes
GAP = 64 * 1024  # bytes that are rather read over than asked around


class TarSource:
    """``url`` is of http, https or file. Where the tar is compressed, pieces are its frames."""

    def __init__(self, url: str, manifest: Manifest, ca: str = "") -> None:
        self._url = url
        self._client = Client(ca)
        self._path = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None
        self._manifest = manifest
        self._codec = find_codec(manifest.compression)
        self._starts = [0, *accumulate(manifest.frames)]
        self.was_read = False  # whether any piece came

    @property
    def copies(self) -> int:
        """Of a piece, that reading it takes."""
        return 2 if self._codec else 1

    def pieces(self, extents: Iterable[Extent]) -> Iterable[Piece]:
        """Pieces of the tar that have all of ``extents``."""
        if not self._codec:
            return cover(extents, PIECE, GAP)
        frames = cut(0, self._manifest.tar_size, extents, self._manifest.frame_size)
        return (frame for frame in frames if frame.segments)

    def read(self, piece: Piece, view: memoryview) -> None:
        """Fill ``view``; OSError, HttpError, UnreachableError or CompressionError where that fails."""
        if self._codec:
            self._read_frame(piece, view, self._codec)
        else:
            self._read(piece.offset, view)
        self.was_read = True

    def _read_frame(self, piece: Piece, view: memoryview, codec: Codec) -> None:
        number = piece.offset // self._manifest.frame_size
        frame = memoryview(bytearray(self._manifest.frames[number]))
        try:
            self._read(self._starts[number], frame)
            codec.decompress(frame, view)
        except CompressionError:  # wrong bytes may be right the second time
            self._read(self._starts[number], frame)
            codec.decompress(frame, view)

    def _read(self, start: int, view: memoryview) -> None:
        if self._path is None:
            self._client.read_into(self._url, start, view)
        else:
            with self._path.open("rb", buffering=0) as tar:
                read_into(tar.fileno(), start, view)
