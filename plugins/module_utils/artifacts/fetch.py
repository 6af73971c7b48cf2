# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a published model into a host's cache: straight from the tar in the store into blobs, every byte hashed.

Needs nothing but the distribution's Python. The tar is never unpacked: the manifest says where in it each file lies, so
what is there already is not read again, and names inside the tar are never believed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import FleetError
from .artifact import Artifact
from .cache_layout import ModelFolder
from .manifest import File, Manifest, parse_manifest
from .remote_tar import CHUNK, RemoteTar, ca_file

SPARE = 256 * CHUNK  # bytes of disk that stay free
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


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


def fill(
    cache: Path, artifacts: Iterable[Artifact], sources: Iterable[Mapping[str, Any]], *, check_mode: bool
) -> tuple[list[dict[str, Any]], list[Artifact], list[FleetError]]:
    """What is in ``cache`` now, what is not, and why not. In check mode nothing is fetched, and nothing is an error."""
    by_name = {(options["repo_id"], options["revision"]): options for options in sources}
    found: list[dict[str, Any]] = []
    missing: list[Artifact] = []
    errors: list[FleetError] = []
    for artifact in artifacts:
        folder = ModelFolder(cache, artifact)
        whole = folder.is_whole()
        read = 0
        if not whole and not check_mode:
            try:
                source = Source.of(by_name.get((artifact.repo_id, artifact.revision)), artifact)
                read = fetch(folder, source)
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
                "bytes_read": read,
                "changed": not whole,
            }
        )
    return found, missing, errors


def fetch(folder: ModelFolder, source: Source) -> int:
    """Make the snapshot whole; the number of bytes that were read from the store."""
    attempted = f"Failed to fetch {folder.artifact.label}"
    manifest = source.manifest
    artifact = folder.artifact
    if manifest.repo_id != artifact.repo_id or (artifact.pinned and manifest.commit != artifact.revision):
        cause = f"{source.key} holds {manifest.repo_id} at {manifest.commit}"
        raise FleetError(attempted, cause, "Publish the model again.")
    os.umask(0o022)  # containers read the cache as somebody else
    try:
        with folder.locked(), ca_file(source.ca) as ca_path:
            (folder.path / "blobs").mkdir(exist_ok=True)
            missing = [file for file in manifest.blobs.values() if not _is_there(folder.blob(file), file)]
            _require_room(folder, missing, attempted)
            with RemoteTar(source.url, ca_path, attempted) as tar:
                for file in missing:
                    _fetch_blob(tar, folder, file, attempted)
            folder.place(manifest)
    except OSError as error:
        _give_back(folder, error)
        raise FleetError(attempted, *_disk_cause(folder, error)) from error
    return tar.received


def _fetch_blob(tar: RemoteTar, folder: ModelFolder, file: File, attempted: str) -> None:
    partial = folder.partial(file)
    if not (_receive(tar, file, partial) or _receive(tar, file, partial)):
        cause = f"{file.path} as read from {tar.where} is not what was published (its sha256 differs, twice)"
        raise FleetError(attempted, cause, "Remove that object from the store and publish the model again.")
    partial.replace(folder.blob(file))


def _receive(tar: RemoteTar, file: File, partial: Path) -> bool:
    """Complete ``partial`` and say whether it is what it should be; if not, it is gone."""
    sha256 = hashlib.sha256()
    with partial.open("a+b") as out:
        if out.tell() > file.size:
            out.truncate(0)
        out.seek(0)
        for chunk in _chunks(out):
            sha256.update(chunk)
        have = out.tell()
        for view in tar.read(file.offset + have, file.size - have):
            sha256.update(view)
            out.write(view)
        out.flush()
        os.fsync(out.fileno())
    if sha256.hexdigest() == file.sha256:
        return True
    partial.unlink()
    return False


def _is_there(blob: Path, file: File) -> bool:
    try:
        if blob.stat().st_size != file.size:
            return False
        sha256 = hashlib.sha256()
        with blob.open("rb") as content:
            for chunk in _chunks(content):
                sha256.update(chunk)
    except FileNotFoundError:
        return False
    return sha256.hexdigest() == file.sha256


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _require_room(folder: ModelFolder, missing: Iterable[File], attempted: str) -> None:
    needed = sum(file.size - _size(folder.partial(file)) for file in missing)
    free = shutil.disk_usage(folder.path).free
    if needed and needed + SPARE > free:
        cause = f"{folder.path.parent} has {_gib(free)} free, it needs {_gib(needed + SPARE)}"
        raise FleetError(attempted, cause, "Make room there, or set model_cache_dir.")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _give_back(folder: ModelFolder, error: OSError) -> None:
    """On a full disk what others need comes before what we could resume."""
    if error.errno in DISK_FULL:
        for partial in (folder.path / "blobs").glob("*.partial"):
            partial.unlink()


def _disk_cause(folder: ModelFolder, error: OSError) -> tuple[str, str]:
    said = f"{error.strerror or error} ({error.filename or folder.path.parent})"
    if error.errno in DISK_FULL:
        return said, "Make room there, or set model_cache_dir. What was in the cache before is untouched."
    return said, "May we write there? Set model_cache_dir to a folder of this host."
