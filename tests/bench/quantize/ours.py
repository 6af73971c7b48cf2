# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our quantizer, and parts of it, each a process of its own: WHAT SOURCE TARGET.

`cached` is what a user gets: from one cache into another, source and result hashed. `proven` is the quantizer alone,
`unproven` leaves out the comparison of each weight with what becomes of it, and `copied` does nothing but read what is
read and write as much as is written: no quantizer is faster than that.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.cache_layout import ModelFolder
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.cached_snapshot import CachedSnapshot
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.content import plain
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.snapshot import put
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from ansible_collections.inference.fleet.plugins.module_utils.quantize import model, rows
from ansible_collections.inference.fleet.plugins.module_utils.quantize.publish import quantized
from tests.quantize_folder import quantize_folder

COMMIT = "0" * 40
WORKERS = 2
PIECE = 1024 * 1024  # bytes that are read


def copy(source: Path, target: Path) -> None:
    target.mkdir()
    for path in sorted(source.iterdir()):
        size = path.stat().st_size
        kept = 0.64 if path.suffix == ".safetensors" else 1.0  # of the bytes: embeddings and head are not quantized
        with path.open("rb") as read, (target / path.name).open("wb") as written, ThreadPoolExecutor(WORKERS) as pool:

            def move(first: int, read: int = read.fileno(), written: int = written.fileno()) -> None:
                buffer = memoryview(bytearray(PIECE))
                for start in range(first * PIECE, size, WORKERS * PIECE):  # noqa: B023
                    count = os.preadv(read, [buffer], start)
                    os.pwrite(written, buffer[: int(count * kept)], int(start * kept))  # noqa: B023

            list(pool.map(move, range(WORKERS)))


def into_cache(source: Path, target: Path) -> None:
    found = CachedSnapshot.of(source, COMMIT, {})
    artifact = Artifact("bench/model-fp8_dynamic", COMMIT, quantization="fp8_dynamic")
    content = quantized(artifact, COMMIT, plain(found.files, found.read_into))
    put(ModelFolder(target, artifact), COMMIT, content, Progress(None))


def main() -> None:
    what, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if what in ("cached", "copied"):
        {"cached": into_cache, "copied": copy}[what](source, target)
        return
    if what == "unproven":
        rows.RowQuantizer._differences = lambda *_given: (1.0, 0.0)  # type: ignore[method-assign]
        model.QuantizedModel.prove = lambda *_given: None  # type: ignore[method-assign,return-value]
    quantize_folder(source, target, WORKERS)


if __name__ == "__main__":
    main()
