# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quantizer alone, from one folder to another: no hub, store or cache, and no digest of the result."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.layout import ReadFile, RemoteFile
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.partial_file import read_into
from ansible_collections.inference.fleet.plugins.module_utils.quantize.arrays import require_numpy
from ansible_collections.inference.fleet.plugins.module_utils.quantize.checkpoint import PIECE
from ansible_collections.inference.fleet.plugins.module_utils.quantize.model import QuantizedModel
from ansible_collections.inference.fleet.plugins.module_utils.quantize.proof import Proof


def quantize_folder(source: Path, target: Path, workers: int = 2) -> Proof:
    """Quantize the model in ``source`` into ``target``, which appears only when all of it is there and proven."""
    require_numpy()
    files = [
        RemoteFile(str(path.relative_to(source)), "", path.stat().st_size)
        for path in sorted(source.rglob("*"))
        if path.is_file()
    ]
    descriptors = {file.path: os.open(source / file.path, os.O_RDONLY) for file in files}
    staging = target.with_name(f".{target.name}.staging")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        model = QuantizedModel(
            files, lambda file, start, view: read_into(descriptors[file.path], start, view), str(source)
        )
        for file in model.files:
            _write(model.reader(), file, staging / file.path, workers)
        proof = model.prove({file.blob: "" for file in model.sources})
        staging.rename(target)
        return proof
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)
        shutil.rmtree(staging, ignore_errors=True)


def _write(read: ReadFile, file: RemoteFile, path: Path, workers: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out, ThreadPoolExecutor(workers) as pool:
        os.ftruncate(out.fileno(), file.size)

        def copy(first: int) -> None:
            buffer = memoryview(bytearray(PIECE))
            for start in _starts(first, file.size, workers):
                view = buffer[: min(PIECE, file.size - start)]
                read(file, start, view)
                os.pwrite(out.fileno(), view, start)

        list(pool.map(copy, range(workers)))


def _starts(first: int, size: int, workers: int) -> Iterator[int]:
    """Where the pieces of one of the workers begin, who take turns."""
    return iter(range(first * PIECE, size, workers * PIECE))
