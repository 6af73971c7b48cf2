# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a published model into a host's cache: straight from the tar in the store into blobs, every byte hashed.

Needs nothing but the distribution's Python. The tar is never unpacked: the manifest says where in it each file lies, so
what is there already is not read again, and names inside the tar are never believed.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import FleetError
from .artifact import Artifact
from .cache_filling import DamagedError, disk_cause, fill_blobs
from .cache_layout import ModelFolder
from .manifest import File, Manifest, parse_manifest
from .peers import Peers
from .tar_source import TarSource
from .transfer.compression import CompressionError
from .transfer.digests import hash_file
from .transfer.http import HttpError, UnreachableError
from .transfer.pieces import Extent, Piece
from .transfer.progress import Progress


@dataclass(frozen=True)
class Source:
    """Where to read one model's tar, and what is in it."""

    url: str  # presigned: as good as a credential, so it stands in no message
    key: str
    manifest: Manifest
    ca: str = ""  # certificates in PEM form; empty: the system's

    @classmethod
    def of(cls, options: Mapping[str, Any] | None, artifact: Artifact) -> Source:
        if options is None:
            step = "Give the sources that model_archive_info makes with presign."
            raise FleetError(f"Failed to fetch {artifact.label}", "no source was given for it", step)
        return cls(
            str(options["url"]),
            str(options["key"]),
            parse_manifest(options["manifest"], str(options["key"])),
            str(options.get("ca") or ""),
        )


class Receipt(NamedTuple):
    """How many bytes came, and how many of them from other hosts."""

    size: int
    from_peers: int


class ExpiredError(FleetError):
    """The address is not valid any more, but has served a while: with another one it goes on where it stopped."""


def fill(
    cache: Path,
    artifacts: Iterable[Artifact],
    sources: Iterable[Mapping[str, Any]],
    progress: Progress,
    *,
    peers: Sequence[str] = (),
    check_mode: bool,
) -> tuple[list[dict[str, Any]], list[Artifact], list[FleetError]]:
    """What is in ``cache`` now, what is not, and why not. In check mode nothing is fetched, and nothing is an error.

    ``peers`` are URLs of peer servers, which are asked before the sources.
    """
    by_name = {(options["repo_id"], options["revision"]): options for options in sources}
    found: list[dict[str, Any]] = []
    missing: list[Artifact] = []
    errors: list[FleetError] = []
    for artifact in artifacts:
        folder = ModelFolder(cache, artifact)
        whole = folder.is_whole()
        receipt = Receipt(0, 0)
        if not whole and not check_mode:
            try:
                source = Source.of(by_name.get((artifact.repo_id, artifact.revision)), artifact)
                receipt = fetch(folder, source, progress, peers)
            except FleetError as error:
                errors.append(error)
        if not whole and not folder.is_whole():
            missing.append(artifact)
            continue
        found.append(
            {
                "name": artifact.name,
                "repo_id": artifact.repo_id,
                "revision": artifact.revision,
                "commit": folder.commit(),
                "path": str(folder.snapshot(folder.commit())),
                "bytes_read": receipt.size,
                "bytes_from_peers": receipt.from_peers,
                "changed": not whole,
            }
        )
    return found, missing, errors


def fetch(folder: ModelFolder, source: Source, progress: Progress, peers: Sequence[str] = ()) -> Receipt:
    """Make the snapshot whole."""
    attempted = f"Failed to fetch {folder.artifact.label}"
    manifest = source.manifest
    artifact = folder.artifact
    if manifest.repo_id != artifact.repo_id or (artifact.pinned and manifest.commit != artifact.revision):
        cause = f"{source.key} holds {manifest.repo_id} at {manifest.commit}"
        raise FleetError(attempted, cause, "Publish the model again.")
    misfit = artifact.calibration and artifact.calibration.misfit(manifest.quantization, manifest.commit)
    if misfit:
        raise FleetError(attempted, misfit, "Calibrate it for these devices, and publish that.")
    os.umask(0o022)  # containers read the cache as somebody else
    try:
        with folder.locked():
            missing = {blob: file for blob, file in manifest.blobs.items() if not _is_there(folder.blob(blob), file)}
            receipt = _fill(folder, missing, source, progress, peers) if missing else Receipt(0, 0)
            folder.place(manifest)
    except OSError as error:
        raise FleetError(attempted, *disk_cause(error, folder)) from error
    return receipt


def _fill(
    folder: ModelFolder, missing: Mapping[str, File], source: Source, progress: Progress, urls: Sequence[str]
) -> Receipt:
    """Put the blobs in place."""
    attempted = f"Failed to fetch {folder.artifact.label}"
    place = source.url.partition("?")[0]
    tar = TarSource(source.url, source.manifest, source.ca)
    peers = Peers(urls, folder.path.name)

    def pieces(names: Iterable[str]) -> Iterable[Piece]:
        return tar.pieces([Extent(name, missing[name].offset, missing[name].size) for name in names])

    def read(piece: Piece, view: memoryview, attempt: int) -> None:
        # What was wrong the first time comes from the store the second.
        if attempt > 1 or not peers.read(piece, view):
            tar.read(piece, view)

    expected = {name: file.sha256 for name, file in missing.items()}
    try:
        filled = fill_blobs(folder, missing, pieces, read, progress, expected, copies=tar.copies)
        return Receipt(filled.received, peers.received)
    except HttpError as error:
        raise _refusal(attempted, place, error, tar) from error
    except UnreachableError as error:
        raise FleetError(attempted, f"reading {place}: {error.reason}", _next_step(error)) from error
    except CompressionError as error:
        step = "Remove that object from the store and publish the model again."
        raise FleetError(attempted, f"{place} cannot be decompressed, twice ({error})", step) from error
    except DamagedError as error:
        cause = f"{error} as read from {place} is not what was published (its sha256 differs, twice)"
        step = "Remove that object from the store and publish the model again."
        raise FleetError(attempted, cause, step) from error


def _is_there(blob: Path, file: File) -> bool:
    try:
        return blob.stat().st_size == file.size and hash_file(blob, file.blob)[0] == file.sha256
    except FileNotFoundError:
        return False


def _next_step(error: UnreachableError) -> str:
    if isinstance(error.reason, ssl.SSLCertVerificationError):
        return "Set model_store_s3_ca to the certificates of the store's authority."
    return "Can this host reach the store? What was fetched is kept; run again."


def _refusal(attempted: str, place: str, error: HttpError, tar: TarSource) -> FleetError:
    code = error.code
    cause = f"reading {place}: HTTP {error.status} {code}".rstrip()
    said = error.answer.body.lower()
    if error.status == 404:
        return FleetError(attempted, cause, "Publish the model first (playbooks/publish.yml).")
    if b"expired" in said:
        kind = ExpiredError if tar.was_read else FleetError
        return kind(attempted, f"{cause}, the address has expired", "Run again; what was fetched is kept.")
    if code == "RequestTimeTooSkewed" or b"not yet valid" in said:
        return FleetError(attempted, cause, "Set the clocks of the publisher and the store.")
    return FleetError(attempted, cause, "May model_store_s3_access_key read the bucket?")
