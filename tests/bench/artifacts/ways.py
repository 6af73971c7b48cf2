# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ways of a model from a hub to a store and on to a host's cache: the reference's commands, and our modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.cache import cache
from tests.bench.artifacts.cost import Cost, cost_of
from tests.integration.servers import KEYS

REPOSITORY = Path(__file__).parents[3]
MODULES = "ansible_collections.inference.fleet.plugins.modules"
BUCKET = "models"
TOOLS = ("huggingface_hub==2.4.0", "awscli==1.46.3")  # the reference's
FETCH_SECONDS = 3600

DOWNLOAD = (
    "import sys, huggingface_hub as hub; hub.snapshot_download(*sys.argv[1:2], cache_dir=sys.argv[2], max_workers=8)"
)


@dataclass(frozen=True)
class Place:
    """Where a way starts, where it ends, and the folder it may write to."""

    hub: str
    store: str
    repo_id: str
    commit: str
    scratch: Path

    @property
    def cache(self) -> Path:
        """A host's, or the publisher's."""
        return self.scratch / "cache"

    @property
    def model(self) -> dict[str, Any]:
        """As our modules are given it."""
        return {"repo_id": self.repo_id, "revision": self.commit, "family": "bench"}

    @property
    def key(self) -> str:
        """Of the tar that our modules write; the reference reads it too."""
        return f"models/bench/{self.commit[:7]}/{self.repo_id.replace('/', '--')}.tar"


class Reference:
    """Everything as a whole, one step after the other."""

    def __init__(self) -> None:
        self._tools = cache() / "bench-tools"
        if not (self._tools / ".made").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", self._tools], check=True)
            subprocess.run([self._tools / "bin" / "pip", "install", "--quiet", *TOOLS], check=True)
            (self._tools / ".made").touch()

    def push(self, place: Place, *, gzip: bool = False) -> Cost:
        """Download a snapshot, make a tar, upload it."""
        tar = place.scratch / "model.tar"
        how = "-czf" if gzip else "-cf"
        python = str(self._tools / "bin" / "python")
        return (
            self._run(place, python, "-c", DOWNLOAD, place.repo_id, str(place.cache))
            + self._run(place, "tar", "-C", str(place.cache), how, str(tar), ".")
            + self._copy(place, str(tar), f"s3://{BUCKET}/reference.tar")
        )

    def pull(self, place: Place) -> Cost:
        """Download the tar, unpack it, hash what came out."""
        tar = place.scratch / "model.tar"
        place.cache.mkdir()
        fetched = self._copy(place, f"s3://{BUCKET}/{place.key}", str(tar))
        unpacked = self._run(place, "tar", "-C", str(place.cache), "-xf", str(tar))
        blobs = [str(path) for path in place.cache.rglob("blobs/*")]
        return fetched + unpacked + self._run(place, "sha256sum", *blobs)

    def _copy(self, place: Place, source: str, target: str) -> Cost:
        python = str(self._tools / "bin" / "python")
        options = ("--only-show-errors", "--endpoint-url", place.store)
        return self._run(place, python, "-m", "awscli", "s3", "cp", *options, source, target)

    def _run(self, place: Place, *command: str) -> Cost:
        environment = {
            "AWS_ACCESS_KEY_ID": KEYS["access_key"],
            "AWS_SECRET_ACCESS_KEY": KEYS["secret_key"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "HF_ENDPOINT": place.hub,
            "HF_HOME": str(place.scratch / "home"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        return cost_of(command, place.scratch, environment)[1]


class Ours:
    """The modules, each as the process that Ansible starts."""

    def push(self, place: Place, *, also_cache: bool = False) -> Cost:
        """Publish."""
        hub = {"hub_url": place.hub, "also_cache": also_cache, "cache_dir": str(place.cache) if also_cache else None}
        return self._run(place, "model_archive", {**hub, "store": self._store(place)})[1]

    def pull(self, place: Place) -> Cost:
        """Look where the model lies, on the publisher, and fetch it, on a host."""
        given = {"store": self._store(place), "presign": FETCH_SECONDS}
        seen, looked = self._run(place, "model_archive_info", given)
        given = {"cache_dir": str(place.cache), "sources": seen["sources"]}
        return looked + self._run(place, "model_fetch", given)[1]

    def _store(self, place: Place) -> dict[str, str]:
        return {"endpoint": place.store, "bucket": BUCKET, **KEYS}

    def _run(self, place: Place, module: str, given: dict[str, Any]) -> tuple[dict[str, Any], Cost]:
        file = place.scratch / f"{module}.json"
        file.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"models": [place.model], **given}}), encoding="utf-8")
        environment = {
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "collections"), os.environ.get("PYTHONPATH", "")])
        }
        printed, cost = cost_of([sys.executable, "-m", f"{MODULES}.{module}", str(file)], place.scratch, environment)
        return json.loads(printed), cost
