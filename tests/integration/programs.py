# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules do, as programs of their own that can be killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .proxy import Proxy

KILLS = 20
PIECE = 15_000  # bytes, of all pieces and parts, where the parameters say nothing else
WORKERS = 3
COLLECTIONS = str(Path(__file__).parents[2] / "collections")
PROLOGUE = f"""
import json, sys
from pathlib import Path
p = json.load(sys.stdin)
sys.path.insert(0, {COLLECTIONS!r})
from ansible_collections.inference.fleet.plugins.module_utils.artifacts import (
    artifact, fetch, hub, origin, publish, push, snapshot, tar_source
)
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores import base, open
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer import http, move, progress
push.MIN_PART = snapshot.PIECE = tar_source.PIECE = p.get("piece", {PIECE})
move.WORKERS = {WORKERS}
http.PAUSE = 0.05
silent = progress.Progress(None)
wanted = artifact.artifacts([p["model"]], family_needed=False)
"""
EPILOGUE = """
print(*errors)
sys.exit(len(errors))
"""
DOWNLOAD = """
*_, errors = snapshot.take(Path(p["cache"]), wanted, origin.Origin(hub.Hub(p["hub"], "")), silent, check_mode=False)
"""
PUBLISH = """
store = open.open_store(base.Settings.of(p["store"]))
cache = {"cache": Path(p["cache"]), "fill_cache": True} if "cache" in p else {}
*_, errors = publish.Publisher(store, hub.Hub(p["hub"], ""), progress=silent, check_mode=False, **cache).publish(wanted)
"""
MAKE = """
from ansible_collections.inference.fleet.plugins.module_utils.quantize import llmcompressor, make
options = llmcompressor.Options(p["image"], samples=4, length=128)
*_, errors = make.Maker(Path(p["cache"]), hub.Hub(p["hub"], ""), silent, options).make(wanted, check_mode=False)
"""
FETCH = """
*_, errors = fetch.fill(Path(p["cache"]), wanted, p["sources"], silent, check_mode=False)
"""


class Program:
    """``text`` is one of the above, with its ``parameters``."""

    def __init__(self, text: str, parameters: Mapping[str, Any]) -> None:
        self._text = PROLOGUE + text + EPILOGUE
        self._parameters = parameters
        self._process: subprocess.Popen[str] | None = None  # the run that is going on

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", self._text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._process = process
        process.stdin.write(json.dumps(self._parameters))
        process.stdin.close()
        process.stdin = None
        return process

    def kill(self) -> None:
        """End the run that is going on, at once."""
        if self._process:
            self._process.kill()

    def run(self) -> tuple[int, str]:
        """Its status (errors, or the negative signal) and what it said."""
        return self._end(self.start())

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> tuple[int, str]:
        said, _nothing = process.communicate(timeout=120)
        return process.returncode, said

    def run_killed(self, servers: Sequence[Proxy], size: int, seed: int) -> None:
        """Kill it KILLS times, each after some bytes at one of ``servers``; then let it live.

        All moments together are less than ``size``, the bytes that it has to move, so it never is done before.
        """
        chance = random.Random(seed)  # noqa: S311  (nothing is secret here)
        for _kill in range(KILLS):
            server, moment = chance.choice(servers), chance.randrange(1, size // KILLS)
            print(f"seed {seed}: killed {moment} bytes later, counted at {server.url}")
            process = self.start()  # before it is counted: what is still under way to the one before would end nobody
            server.after(moment, self.kill)
            status, said = self._end(process)
            assert status == -9, f"it ended before that: {said}"
        status, said = self.run()
        assert status == 0, said
