# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of a tar that lies behind a URL: a presigned one, or a folder's."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from .http import Client
from .partial_file import read_into
from .pieces import Piece


class TarSource:
    """``url`` is of http, https or file."""

    def __init__(self, url: str, ca: str = "") -> None:
        self._url = url
        self._client = Client(ca)
        self._path = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None

    def read(self, piece: Piece, view: memoryview) -> None:
        """Fill ``view`` with the piece's bytes; OSError, HttpError or UnreachableError where that fails."""
        if self._path is None:
            self._client.read_into(self._url, piece.offset, view)
        else:
            with self._path.open("rb", buffering=0) as tar:
                read_into(tar.fileno(), piece.offset, view)
