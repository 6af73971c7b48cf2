# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that is a folder, which the publisher and every host mount at the same path (NFS, say)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ...errors import FleetError
from ..transfer.partial_file import PartialFile
from .base import GoneError, Settings, Store, Upload


class DirectoryStore(Store):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._root = Path(unquote(urlsplit(settings.endpoint).path)) / settings.bucket

    def url(self, key: str) -> str:
        return str(self._root / key)

    def address(self, key: str, seconds: int) -> str:  # noqa: ARG002  (S3 asks for it)
        """Without an end: whoever mounts the folder may read it."""
        return (self._root / key).as_uri()

    def size(self, key: str) -> int | None:
        with self.explained("read", key):
            try:
                return (self._root / key).stat().st_size
            except FileNotFoundError:
                return None

    def holds(self, key: str, identity: str) -> bool:  # noqa: ARG002  (a file has no metadata to keep it in)
        return self.size(key) is not None

    def read(self, key: str) -> bytes | None:
        with self.explained("read", key):
            try:
                return (self._root / key).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, key: str, body: bytes) -> None:
        path = self._root / key
        with self.explained("write", key):
            path.parent.mkdir(parents=True, exist_ok=True)
            staged = path.with_name(f".{path.name}.{os.getpid()}")
            staged.write_bytes(body)
            staged.replace(path)

    def delete(self, key: str) -> None:
        with self.explained("delete", key):
            (self._root / key).unlink(missing_ok=True)

    def upload(self, key: str, identity: str, size: int, part: int) -> Upload:
        if self.settings.compression != "none":
            step = "Set model_store_compression to none, or publish to S3."
            raise FleetError(f"Failed to write {self.url(key)}", "a folder keeps plain tars only", step)
        with self.explained("write", key):
            return DirectoryUpload(self, key, self._root / key, identity, size, part)

    @contextmanager
    def explained(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            step = "Is the store's folder mounted, is there room, and may we write in it?"
            raise FleetError(f"Failed to {verb} {self.url(key)}", error.strerror or str(error), step) from error


class DirectoryUpload(Upload):
    """A partial file beside the object; its name says what it will be, so only the same is taken up."""

    def __init__(self, store: DirectoryStore, key: str, path: Path, identity: str, size: int, part: int) -> None:
        self._store = store
        self._key = key
        self._path = path
        self._part = part
        self._staged = path.with_name(f".{path.name}.{identity[:16]}")
        self._file = PartialFile(self._staged, size)
        numbers = range(1, -(-size // part) + 1)
        lengths = {number: min(part, size - (number - 1) * part) for number in numbers}
        self.sizes = {
            number: length for number, length in lengths.items() if self._file.has((number - 1) * part, length)
        }

    def put(self, number: int, content: memoryview) -> None:
        with self._store.explained("write", self._key):
            self._file.write((number - 1) * self._part, content)
            self.sizes[number] = len(content)

    def complete(self) -> None:
        with self._store.explained("write", self._key):
            try:
                self._file.finish()
                self._staged.replace(self._path)
            except FileNotFoundError as error:
                raise GoneError from error  # another publisher was faster with the same file

    def abort(self) -> None:
        self._file.discard()
