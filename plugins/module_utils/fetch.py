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
import re
import shutil
import ssl
import tempfile
import time
import urllib.error
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ansible.module_utils.urls import open_url

from .artifact import Artifact
from .cache_layout import ModelFolder
from .errors import FleetError
from .manifest import File, Manifest, parse_manifest

CHUNK = 1024 * 1024  # bytes
SKIP = 4 * CHUNK  # a gap this small is read over rather than asked anew
TRIES = 4  # connections that brought nothing, before we give up
TIMEOUT = 60  # seconds without a byte
PAUSE = 1  # seconds before another try, times the tries
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
        with folder.locked(), _ca_file(source.ca) as ca_path:
            (folder.path / "blobs").mkdir(exist_ok=True)
            missing = [file for file in manifest.blobs.values() if not _is_there(folder.blob(file), file)]
            _require_room(folder, missing, attempted)
            with _Tar(source, ca_path, attempted) as tar:
                for file in missing:
                    _fetch_blob(tar, folder, file, attempted)
            folder.place(manifest)
    except OSError as error:
        _give_back(folder, error)
        raise FleetError(attempted, *_disk_cause(folder, error)) from error
    return tar.received


def _fetch_blob(tar: _Tar, folder: ModelFolder, file: File, attempted: str) -> None:
    partial = folder.partial(file)
    if not (_receive(tar, file, partial) or _receive(tar, file, partial)):
        cause = f"{file.path} as read from {tar.where} is not what was published (its sha256 differs, twice)"
        raise FleetError(attempted, cause, "Remove that object from the store and publish the model again.")
    partial.replace(folder.blob(file))


class _Tar:
    """The tar in the store, read forwards, reconnecting where a connection ends early."""

    def __init__(self, source: Source, ca_path: str | None, attempted: str) -> None:
        self._source = source
        self._ca_path = ca_path
        self._attempted = attempted
        self._response: Any = None
        self._position = 0
        self._buffer = bytearray(CHUNK)
        self.received = 0

    def __enter__(self) -> _Tar:
        return self

    def __exit__(self, *_details: object) -> None:
        self._close()

    def read(self, start: int, size: int) -> Iterator[memoryview]:
        """The bytes from ``start`` on; each view is valid until the next is asked for."""
        fruitless = 0
        end = start + size
        while start < end:
            try:
                self._seek(start)
                count = self._advance(end - start)
            except FleetError:
                raise
            except Exception as error:  # resets, timeouts, refused connections, half an HTTP answer
                self._close()
                fruitless += 1
                reason = getattr(error, "reason", error)
                if isinstance(reason, ssl.SSLCertVerificationError):
                    step = "Set model_store_s3_ca to the certificates of the store's authority."
                    raise FleetError(self._attempted, f"reading {self.where}: {reason}", step) from error
                if fruitless == TRIES:
                    step = "Can this host reach the store? What was fetched is kept; run again."
                    raise FleetError(self._attempted, f"reading {self.where}: {reason}", step) from error
                time.sleep(fruitless * PAUSE)
                continue
            fruitless = 0
            start += count
            self.received += count
            yield memoryview(self._buffer)[:count]

    @property
    def where(self) -> str:
        return self._source.url.partition("?")[0]

    def _seek(self, start: int) -> None:
        if self._response is None or not 0 <= start - self._position <= SKIP:
            self._open(start)
        while self._position < start:
            self._advance(start - self._position)

    def _advance(self, most: int) -> int:
        count: int = self._response.readinto(memoryview(self._buffer)[: min(CHUNK, most)])
        if not count:
            raise ConnectionError("the connection ended early")
        self._position += count
        return count

    def _open(self, start: int) -> None:
        self._close()
        try:
            self._response = open_url(
                self._source.url,
                headers={"Range": f"bytes={start}-"},
                timeout=TIMEOUT,
                ca_path=self._ca_path,
                decompress=False,
                use_netrc=False,
                http_agent="inference.fleet",
            )
        except urllib.error.HTTPError as error:
            if error.code >= 500 or error.code == 429:
                raise ConnectionError(f"HTTP {error.code}") from error
            raise FleetError(self._attempted, *_http_cause(error, self.where)) from error
        # A server that does not know ranges sends everything from the start.
        self._position = start if self._response.status == 206 else 0

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


@contextmanager
def _ca_file(pem: str) -> Iterator[str | None]:
    if not pem:
        yield None
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        yield file.name


def _receive(tar: _Tar, file: File, partial: Path) -> bool:
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


def _http_cause(error: urllib.error.HTTPError, where: str) -> tuple[str, str]:
    body = error.read(64 * 1024).decode("utf-8", "replace")
    match = re.search(r"<Code>([^<]*)</Code>", body)
    code = match.group(1) if match else ""
    cause = f"reading {where}: HTTP {error.code} {code or error.reason}"
    if error.code == 404:
        return cause, "Publish the model first (playbooks/publish.yml)."
    if "expired" in body.lower():
        return f"{cause}, the address has expired", "Run again; what was fetched is kept."
    if code == "RequestTimeTooSkewed" or "not yet valid" in body.lower():
        return cause, "Set the clocks of the publisher and the store."
    return cause, "May model_store_s3_access_key read the bucket?"
