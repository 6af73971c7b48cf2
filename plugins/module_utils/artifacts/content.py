# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published: files, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .layout import ReadFile, RemoteFile
from .transfer.digests import Digests


@dataclass(frozen=True)
class Content:
    """``files``, as ``reader`` reads them, given what hashes the ``sources``: files that are read, but not published.

    ``conclude`` says what the manifest is to say of how it was made, or raises FleetError where it came out badly. It
    is given the blobs whose hash was right, once all is read and before anything becomes visible. ``copies`` of a piece
    are what reading one takes, with the piece.
    """

    files: Sequence[RemoteFile]
    reader: Callable[[Digests | None], ReadFile]
    conclude: Callable[[Collection[str]], Mapping[str, Any]] = lambda _hashed: {}
    sources: Sequence[RemoteFile] = ()
    copies: int = 1


def plain(files: Sequence[RemoteFile], read: ReadFile, quantization: Mapping[str, Any] | None = None) -> Content:
    """Files as they are. ``quantization`` is what is known of how they were made."""
    return Content(files, lambda _digests: read, lambda _hashed: quantization or {})
