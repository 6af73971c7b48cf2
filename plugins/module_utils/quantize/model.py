# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model as FP8 quantization makes it: files that can be read in pieces although nobody has written them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ..artifacts.checkpoint import read_headers
from ..artifacts.layout import ReadFile, RemoteFile
from ..artifacts.manifest import derived_blob
from ..artifacts.transfer.digests import Digests
from ..artifacts.transfer.pieces import Piece, Segment
from ..errors import FleetError
from ..safetensors import INDEX, SUFFIX, Header
from .checkpoint import QuantizedFile, Seen
from .config import CONFIG, config_content, index_content, read_json
from .proof import Proof, prove
from .schemes import OWN
from .selection import ignored, is_quantized, require_quantizable
from .workspace import Workspace

GENERATION = 1  # of this quantizer: a new one wherever its bytes would differ


class QuantizedModel:
    """``files`` are those of the source, which ``read`` reads; ``label`` is how messages call it."""

    def __init__(self, files: Iterable[RemoteFile], read: ReadFile, label: str) -> None:
        self._label = label
        self._source = {file.path: file for file in files}
        self._read = read
        self._workspace = Workspace()
        config = self._json(CONFIG)
        headers = read_headers(self._source.values(), read, label)
        tensors = [tensor for header in headers.values() for tensor in header.tensors]
        require_quantizable(config, tensors, label)
        self.ignored = ignored(tensors)
        if INDEX in self._source:
            _require_complete(self._json(INDEX), headers, label)
        self._made = {path: self._file(path, header) for path, header in headers.items() if _any_quantized(header)}
        self._small = {CONFIG: config_content(config, self.ignored)}
        if INDEX in self._source:
            holding = {
                path: self._made[path].tensors if path in self._made else headers[path].tensors for path in headers
            }
            self._small[INDEX] = index_content(self._json(INDEX), holding)
        self.files = [self._target(file) for file in self._source.values() if not _is_second(file.path, headers)]

    @property
    def sources(self) -> list[RemoteFile]:
        """The files that others are made of, and that are none of ``files``."""
        return [self._source[path] for path in self._made]

    @property
    def copies(self) -> int:
        """Of a piece that reading one takes: itself, and what it is made of, in the source's widest type."""
        return 1 + max(file.widest for file in self._made.values())

    def reader(self, digests: Digests | None = None) -> ReadFile:
        """Reads ``files``; what it reads of ``sources`` is added to ``digests``, as far as they know of it.

        A file of those must then be read in pieces, all of them, that are begun in their order.
        """

        def read(file: RemoteFile, start: int, view: memoryview) -> None:
            small, made = self._small.get(file.path), self._made.get(file.path)
            if small is not None:
                view[:] = small[start : start + len(view)]
            elif made:
                try:
                    made.read(start, view, _told(digests, self._source[file.path]) if digests else None)
                except Exception:
                    if digests:
                        digests.stop()  # nobody waits for what was not read
                    raise
            else:
                self._read(self._source[file.path], start, view)

        return read

    def prove(self, sha256: Mapping[str, str]) -> Proof:
        """Proof that what was written is a good likeness of the source; FleetError, with the tensor named, where not.

        ``sha256`` are those of ``files`` as they were written, and of those ``sources`` whose hash was right as they
        were read for all of that. The others are read again.
        """
        for path, file in self._made.items():
            source = self._source[path]
            if source.blob not in sha256 or not file.is_proven():
                self._make_again(source, file, sha256)
        evidence = {name: found for file in self._made.values() for name, found in file.evidence.items()}
        return prove(evidence, self._label)

    def _make_again(self, source: RemoteFile, file: QuantizedFile, sha256: Mapping[str, str]) -> None:
        digests = Digests({source.blob: source.size})
        made = file.read_again(_told(digests, source))
        written = sha256.get(self._target(source).blob, made)
        if digests.damaged or made != written:
            cause = f"{source.path}, as it was read, was not always the same (its hash differs)"
            step = "Run again; if it stays, something on the way changes files."
            raise FleetError(f"Failed to quantize {self._label}", cause, step)

    def _json(self, path: str) -> dict[str, Any]:
        return read_json(path, self._source.values(), self._read, self._label)

    def _file(self, path: str, header: Header) -> QuantizedFile:
        source = self._source[path]

        def read(start: int, view: memoryview) -> None:
            self._read(source, start, view)

        return QuantizedFile(path, header, source.size, read, self._workspace)

    def _target(self, file: RemoteFile) -> RemoteFile:
        small, made = self._small.get(file.path), self._made.get(file.path)
        if small is not None:
            return RemoteFile(file.path, hashlib.sha256(small).hexdigest(), len(small))
        return RemoteFile(file.path, derived_blob(OWN, f"{GENERATION} {file.blob}"), made.size) if made else file


def _told(digests: Digests, source: RemoteFile) -> Seen:
    """Adds bytes of ``source`` to its hash."""

    def seen(start: int, content: memoryview) -> None:
        digests.update(Piece(start, len(content), (Segment(source.blob, start, len(content), 0),)), content)

    return seen


def _any_quantized(header: Header) -> bool:
    return any(is_quantized(tensor) for tensor in header.tensors)


def _is_second(path: str, headers: Mapping[str, Header]) -> bool:
    """Whether it holds weights that the index does not name: a second set of them, which vLLM does not load."""
    return path.endswith(SUFFIX) and "/" not in path and path not in headers


def _require_complete(index: Mapping[str, Any], headers: Mapping[str, Header], label: str) -> None:
    """FleetError where the index and the files do not name the same tensors in the same places."""
    listed = index["weight_map"]
    held = {tensor.name: path for path, header in headers.items() for tensor in header.tensors}
    wrong = sorted(name for name in listed.keys() | held.keys() if listed.get(name) != held.get(name))
    if not wrong:
        return
    name = wrong[0]
    cause = f"{INDEX} says that {name} is in {listed.get(name, 'no file')}, and it is in {held.get(name, 'none')}"
    more = f" ({len(wrong)} such tensors)" if len(wrong) > 1 else ""
    raise FleetError(f"Failed to quantize {label}", cause + more, "Bring the model again: it is not whole.")
