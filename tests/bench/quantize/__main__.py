# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""fp8_dynamic beside llm-compressor's ``oneshot`` and ``model_free_ptq``, on a model of Llama 3 8B's shape.

All are whole processes, taken in turns, with the source in the page cache; theirs run in their container, and its start
does not count. No side waits for the disk. Memory is what a process had resident at its peak, mapped files included.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.digests import hash_file
from rig.cache import cache, using_engine
from rig.engine import ensure_engine
from rig.images import ensure_image
from rig.shell import docker, run
from tests.bench.artifacts.cost import Cost, cost_of, median
from tests.bench.results import Row, write

HERE = Path(__file__).parent
OURS = ("cached", "proven", "unproven", "copied")
THEIRS = ("oneshot", "model_free_ptq")
ROUNDS = 3
LAYERS, MORE_LAYERS = 3, 13  # 1.8 and 6.2 GB


class Bench:
    """What works on the model in ``source`` and writes to ``scratch``."""

    def __init__(self, source: Path, snapshot: Path, scratch: Path) -> None:
        self._source = source
        self._snapshot = snapshot  # the same as a Hugging Face cache has it
        self._scratch = scratch

    def taken(self, way: str) -> Cost:
        """What one way costs, whose result is gone afterwards."""
        target = self._scratch / way
        os.sync()  # what was written before is not to be waited for now
        run(["sh", "-c", 'cat "$0"/* > /dev/null', str(self._source)])  # into the page cache
        cost = self._ours(way, target) if way in OURS else self._theirs(way, target)
        shutil.rmtree(target)
        print(f"{way} (load {os.getloadavg()[0]:.1f}): {asdict(cost)}", flush=True)
        return cost

    def _ours(self, way: str, target: Path) -> Cost:
        source = self._snapshot if way == "cached" else self._source
        command = [sys.executable, "-m", "tests.bench.quantize.ours", way, str(source), str(target)]
        return cost_of(command, self._scratch, {})[1]

    def _theirs(self, way: str, target: Path) -> Cost:
        target.mkdir()
        said = docker(
            "run",
            "--rm",
            "--network=none",
            f"--user={os.getuid()}:{os.getgid()}",
            f"--volume={self._source}:/source:ro",
            f"--volume={target}:/target",
            f"--volume={HERE}:/programs:ro",
            ensure_image("llmcompressor"),
            "/programs/theirs.py",
            way,
            "/source",
            "/target",
        )
        return Cost(**json.loads(said.splitlines()[-1]))


@contextmanager
def model(layers: int) -> Iterator[Bench]:
    """A model that is made for this, and room for what becomes of it."""
    with TemporaryDirectory(dir=cache(), prefix="bench-") as name:
        source, blobs, snapshot, scratch = (Path(name, each) for each in ("source", "blobs", "snapshot", "scratch"))
        for folder in (source, blobs, snapshot, scratch):
            folder.mkdir()
        run([sys.executable, "-m", "tests.bench.quantize.model", str(source), str(layers)])
        for path in source.iterdir():
            blob = blobs / hash_file(path, "")[0]
            blob.hardlink_to(path)
            (snapshot / path.name).symlink_to(blob)
        yield Bench(source, snapshot, scratch)


def main() -> None:
    """Measure and write."""
    signal.signal(signal.SIGTERM, lambda *_given: sys.exit("ended"))
    with using_engine():
        ensure_engine()
        ensure_image("llmcompressor")
        with model(LAYERS) as bench:
            costs: dict[str, list[Cost]] = {way: [] for way in (*OURS, *THEIRS)}
            for _round in range(ROUNDS):
                for way, taken in costs.items():
                    taken.append(bench.taken(way))
    with model(MORE_LAYERS) as bench:
        large = bench.taken("cached")
    cached, ours, unproven, copied, oneshot, model_free = (median(taken) for taken in costs.values())
    write(
        "quantize",
        [
            Row("fp8_dynamic of 1.8 GB beside oneshot", ours.wall, oneshot.wall, "s", "at most 0.40"),
            Row("its CPU beside oneshot", ours.cpu, oneshot.cpu, "s CPU", "at most 0.50"),
            Row("its memory beside oneshot", ours.rss, oneshot.rss, "MB", "ours at most 300 MB"),
            Row("fp8_dynamic of 1.8 GB beside model_free_ptq", ours.wall, model_free.wall, "s", "at most 0.33"),
            Row("its CPU beside model_free_ptq", ours.cpu, model_free.cpu, "s CPU", "less"),
            Row("its memory beside model_free_ptq", ours.rss, model_free.rss, "MB", "ours at most 300 MB"),
            Row("from cache to cache, all hashed, beside oneshot", cached.wall, oneshot.wall, "s", "less"),
            Row("its memory", cached.rss, oneshot.rss, "MB", "ours at most 300 MB"),
            Row("its memory with 6.2 GB", round(large.rss, 2), None, "MB", "at most 300 MB"),
            Row("fp8_dynamic with its proof beside without", ours.wall, unproven.wall, "s", "at most 1.30"),
            Row("fp8_dynamic beside copying alone", ours.wall, copied.wall, "s", "the share of the limit"),
        ],
    )


if __name__ == "__main__":
    main()
