# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model from a hub to a store and on to a host: the modules, beside the commands that do the same one by one.

The commands are `huggingface_hub.snapshot_download`, `tar`, `aws s3 cp`, and `sha256sum`. Both are whole processes,
taken in turns, on a repository of 2 GB of random bytes. The hub has it in memory. The stores are rclone's S3, which
writes to the same disk as its clients, and a sink, which keeps everything in memory (sink.py). Clients and servers
share this machine's cores: a client that needs less CPU leaves more to the server. Ours ends when what it has written
is on the disk, theirs when the kernel has it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from rig.cache import cache
from tests.bench.artifacts.cost import MB, Cost, cost_of, median, settle
from tests.bench.artifacts.limits import Limits
from tests.bench.artifacts.ways import BUCKET, Ours, Place, Reference
from tests.bench.results import Row, write
from tests.integration.servers import rclone, running

MEMORY = Path("/dev/shm")  # noqa: S108  (named for what it is)
WHOLE, SINGLE = "bench/model", "bench/shard"
SHARDS, SHARD = 4, 500 * MB
NAMES = [f"model-{number + 1:05}-of-{SHARDS:05}.safetensors" for number in range(SHARDS)]
SMALL = {
    "config.json": 700,
    "tokenizer.json": 9 * MB,
    "tokenizer_config.json": 50_000,
    "model.safetensors.index.json": 24_000,
}
CHUNK = 4 * MB  # what this process holds counts as its children's memory
ROUNDS = 3
SLOW = 40 * 2**20  # bytes per second of one connection


def make_repositories(root: Path) -> None:
    """One of several shards, and one of a single."""
    whole, single = root / WHOLE, root / SINGLE
    for folder in (whole, single):
        folder.mkdir(parents=True)
    for name, size in {**dict.fromkeys(NAMES, SHARD), **SMALL}.items():
        with (whole / name).open("wb") as file:
            for start in range(0, size, CHUNK):
                file.write(os.urandom(min(CHUNK, size - start)))
    (single / "model.safetensors").hardlink_to(whole / NAMES[0])


def hub(rate: int = 0) -> Callable[[int, Path], list[str]]:
    """The command of a hub."""
    module = [sys.executable, "-m", "tests.bench.artifacts.hub", "--rate", str(rate)]
    return lambda port, root: [*module, "--port", str(port), "--root", str(root)]


def sink(port: int, _folder: Path) -> list[str]:
    """The command of a store that only keeps what it gets."""
    room = 1.1 * SHARDS * SHARD / 10**9
    return [sys.executable, "-m", "tests.bench.artifacts.sink", "--port", str(port), "--gigabytes", str(room)]


def commit(url: str, repo_id: str) -> str:
    """What the hub says; it has hashed the repository by then."""
    with urlopen(f"{url}/api/models/{repo_id}/revision/main") as answer:
        return str(json.load(answer)["sha"])


class Bench:
    """Everything that is measured, from the hub at ``hub_url``."""

    def __init__(self, hub_url: str) -> None:
        self.theirs = Reference()
        self.ours = Ours()
        self._hub = hub_url
        self._commit = commit(hub_url, WHOLE)

    @contextmanager
    def store(self, kind: Callable[[int, Path], list[str]], hub_url: str = "", repo_id: str = WHOLE) -> Iterator[Place]:
        """A model and a store without anything."""
        commit_there = commit(hub_url, repo_id) if hub_url else self._commit
        with TemporaryDirectory(dir=cache(), prefix="bench-") as name:
            folder = Path(name)
            for path in (folder / "store" / BUCKET, folder / "scratch"):
                path.mkdir(parents=True)
            with running(kind, folder / "store") as url:
                yield Place(hub_url or self._hub, url, repo_id, commit_there, folder / "scratch")

    def taken(self, way: Callable[..., Cost], place: Place, **options: bool) -> Cost:
        """The cost of one way, all of whose files are gone afterwards."""
        with TemporaryDirectory(dir=place.scratch) as name:
            settle()
            cost = way(replace(place, scratch=Path(name)), **options)
        print(f"{way.__qualname__} {options or ''} (load {os.getloadavg()[0]:.1f}): {asdict(cost)}", flush=True)
        return cost

    def rounds(self, kind: Callable[[int, Path], list[str]]) -> dict[str, Cost]:
        """Medians of pushing to a store of ``kind`` and of pulling from it, and of finding that all is there."""
        costs: dict[str, list[Cost]] = {name: [] for name in ("their push", "push", "their pull", "pull", "nothing")}
        for _round in range(ROUNDS):
            with self.store(kind) as place:
                costs["their push"].append(self.taken(self.theirs.push, place))
            with self.store(kind) as place:
                costs["push"].append(self.taken(self.ours.push, place))
                costs["nothing"].append(self.taken(self.ours.push, place))
                costs["their pull"].append(self.taken(self.theirs.pull, place))
                costs["pull"].append(self.taken(self.ours.pull, place))
        return {name: median(values) for name, values in costs.items()}

    def once(self, way: Callable[..., Cost], **options: bool) -> Cost:
        """What takes too long for several rounds, or hardly varies."""
        with self.store(sink) as place:
            return self.taken(way, place, **options)

    def limits(self) -> Limits:
        """What this machine can do, the same files given."""
        urls = [f"{self._hub}/lfs/{WHOLE}/{self._commit}/{name}" for name in NAMES]
        with self.store(sink) as place:
            settle()
            command = [sys.executable, "-m", "tests.bench.artifacts.limits", str(place.scratch), place.store, *urls]
            return Limits(**json.loads(cost_of(command, place.scratch, {})[0]))

    def slow(self, hub_url: str) -> tuple[float, float]:
        """Seconds of one file from a hub with slow connections: by our push, and by one connection."""
        with self.store(sink, hub_url, SINGLE) as place:
            ours = self.taken(self.ours.push, place)
            began = time.perf_counter()
            with urlopen(f"{hub_url}/{SINGLE}/resolve/{place.commit}/model.safetensors") as answer:
                while answer.read(CHUNK):
                    pass
            return round(ours.wall, 2), round(time.perf_counter() - began, 2)


def main() -> None:
    """Measure and write."""
    signal.signal(signal.SIGTERM, lambda *_given: sys.exit("ended"))
    with ExitStack() as stack:
        root = Path(stack.enter_context(TemporaryDirectory(dir=MEMORY, prefix="bench-"))) / "hub"
        make_repositories(root)
        bench = Bench(stack.enter_context(running(hub(), root)))
        fast, slow_disk = bench.rounds(sink), bench.rounds(rclone)
        gzip = bench.once(bench.theirs.push, gzip=True)
        cached = bench.once(bench.ours.push, also_cache=True)
        limits = bench.limits()
        several, single = bench.slow(stack.enter_context(running(hub(SLOW), root)))
    write("artifacts", rows(fast, slow_disk, gzip, cached, limits, (several, single)))


def rows(
    fast: dict[str, Cost], disk: dict[str, Cost], gzip: Cost, cached: Cost, limits: Limits, slow: tuple[float, float]
) -> list[Row]:
    """As people read it."""
    push, their_push = fast["push"], fast["their push"]
    pull, their_pull = disk["pull"], disk["their pull"]
    total = (SHARDS * SHARD + sum(SMALL.values())) / MB
    reached, fetched = round(total / push.wall), round(total / fast["pull"].wall)
    sunk, rcloned = "a sink (a fast S3)", "rclone's S3"
    return [
        Row(f"push to {sunk}", push.wall, their_push.wall, "s", "at most 0.35"),
        Row(f"push to {rcloned}", disk["push"].wall, disk["their push"].wall, "s", "at most 0.60"),
        Row(f"push to {sunk}, beside `tar czf` (once)", push.wall, round(gzip.wall, 2), "s", "at most 0.12"),
        Row("push, CPU", push.cpu, their_push.cpu, "s", "at most 0.30"),
        Row("push, peak disk", push.disk, their_push.disk, "MB", "0"),
        Row("push that fills a cache, peak disk (once)", round(cached.disk), their_push.disk, "MB", "at most 0.5"),
        Row("push, peak memory", push.rss, their_push.rss, "MB", "at most 256 MB"),
        Row(f"pull from {sunk}", fast["pull"].wall, fast["their pull"].wall, "s", "at most 0.60"),
        Row(f"pull from {rcloned}", pull.wall, their_pull.wall, "s", "at most 0.60"),
        Row("pull, CPU", pull.cpu, their_pull.cpu, "s", "at most 0.60"),
        Row("pull, peak disk", pull.disk, their_pull.disk, "MB", "at most 0.51"),
        Row("pull, peak memory", pull.rss, their_pull.rss, "MB", "at most 200 MB"),
        Row("push of what is there", fast["nothing"].wall, None, "s", "at most 1.5 s"),
        Row("push of one file, 40 MiB/s a connection, beside one connection", *slow, "s", "several connections"),
        Row("push rate, beside relaying unhashed", reached, limits.relay, "MB/s", "the limit is 1"),
        Row("push rate, beside reading from the hub only", reached, limits.get, "MB/s", "the limit is 1"),
        Row("push rate, beside sha256 on one core", reached, limits.sha256, "MB/s", "the limit is 1 a core"),
        Row("pull rate, beside writing to the disk only", fetched, limits.write, "MB/s", "the limit is 1"),
    ]


if __name__ == "__main__":
    main()
