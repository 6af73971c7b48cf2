# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tensors in the files of a folder, read in pieces."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..artifacts.checkpoint import read_headers
from ..artifacts.layout import RemoteFile
from ..artifacts.transfer.partial_file import read_into
from ..safetensors import INDEX, SUFFIX, Tensor
from .arrays import np


class StoredTensors:
    """A context manager. Raises FleetError where the folder has no safetensors files, or broken ones."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self._descriptors: dict[str, int] = {}
        files = []
        for path in sorted([*folder.glob(f"*{SUFFIX}"), *folder.glob(INDEX)]):
            self._descriptors[path.name] = descriptor = os.open(path, os.O_RDONLY)
            self._stack.callback(os.close, descriptor)
            files.append(RemoteFile(path.name, "", os.fstat(descriptor).st_size))
        with self._stack:  # closes them where the headers cannot be read
            headers = read_headers(files, self._read, str(folder))
            self._stack = self._stack.pop_all()
        self._places = {tensor.name: path for path, header in headers.items() for tensor in header.tensors}
        self.tensors: dict[str, Tensor] = {t.name: t for header in headers.values() for t in header.tensors}

    def __enter__(self) -> StoredTensors:
        return self

    def __exit__(self, *_details: object) -> None:
        self._stack.close()

    def rows(self, name: str, first: int, last: int) -> Any:
        """The bytes of a tensor's rows from ``first`` to before ``last``: uint8 of one dimension."""
        tensor = self.tensors[name]
        row = tensor.size // tensor.shape[0] if tensor.shape else tensor.size
        content = np.empty((last - first) * row, np.uint8)
        read_into(self._descriptors[self._places[name]], tensor.start + first * row, memoryview(content))
        return content

    def _read(self, file: RemoteFile, start: int, view: memoryview) -> None:
        read_into(self._descriptors[file.path], start, view)
