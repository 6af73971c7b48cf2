# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is published: files, and how to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .layout import ReadFile, RemoteFile
from .transfer.digests import Digests


@dataclass(frozen=True)
class Content:
    """``files``, as ``reader`` reads them, given what hashes the ``sources``: files that are read, but not published.

    ``conclude`` says what the manifest is to say of how it was made, or raises FleetError where it came out badly. It
    is given sha256 of every blob that is published, as it was written, and of those sources that were read for it and
    had the right hash; once all is there and before anything becomes visible. ``copies`` of a piece are what reading
    one takes, with the piece. ``sha256`` is what blobs must have whose name does not say it.
    """

    files: Sequence[RemoteFile]
    reader: Callable[[Digests | None], ReadFile]
    conclude: Callable[[Mapping[str, str]], Mapping[str, Any]] = lambda _sha256: {}
    sources: Sequence[RemoteFile] = ()
    copies: int = 1
    sha256: Mapping[str, str] = field(default_factory=dict)


def plain(
    files: Sequence[RemoteFile],
    read: ReadFile,
    quantization: Mapping[str, Any] | None = None,
    sha256: Mapping[str, str] | None = None,
) -> Content:
    """Files as they are. ``quantization`` is what is known of how they were made."""
    return Content(files, lambda _digests: read, lambda _sha256: quantization or {}, sha256=sha256 or {})
