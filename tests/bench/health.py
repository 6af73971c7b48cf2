# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look of `vllm_health` at a thousand endpoints, ten of which hang, beside `ansible.builtin.uri` in a loop.

The endpoints are paths of one server on loopback, a process of its own, that takes 50 ms for each answer. `uri` reads
/health alone, of a tenth of the endpoints with as many hanging among them; its time is taken tenfold.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.results import Row, write

ENDPOINTS, HANGING, LATENCY = 1000, 10, 0.05  # seconds
ALLOWED = 5.0  # seconds for an answer
ROUNDS = 3
SHARE = 10  # of the endpoints, one in so many is asked by uri
REPOSITORY = Path(__file__).parents[2]
MODULE = "ansible_collections.inference.fleet.plugins.modules.vllm_health"
ANSWERS = {
    "health": "",
    "version": json.dumps({"version": "0.32.0"}),
    "models": json.dumps({"object": "list", "data": [{"id": "tiny", "object": "model"}]}),
    "completions": json.dumps({"choices": [{"text": " Paris"}], "usage": {"completion_tokens": 4}}),
}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As endpoint N does, asked at /eN/…; the first ones say nothing."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    path = head.split()[1]
    number = int(path.split("/")[1][1:])
    await asyncio.sleep(3600 if number < HANGING else LATENCY)
    body = ANSWERS[path.rsplit("/", 1)[1]].encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


def serve(listening: socket.socket) -> None:
    """The server's process."""

    async def run() -> None:
        server = await asyncio.start_server(answer, sock=listening, backlog=4096)
        await server.serve_forever()

    asyncio.run(run())


def look(port: int) -> tuple[float, float]:
    """Seconds and MB of one run of the module."""
    endpoints = [
        {"name": f"e{number}", "base_url": f"http://127.0.0.1:{port}/e{number}/v1", "models": ["tiny"]}
        for number in range(ENDPOINTS)
    ]
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"endpoints": endpoints, "answer_timeout": ALLOWED}})
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "collections")}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as given:
        given.write(arguments)
        given.flush()
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", MODULE, given.name], env=environment, check=False, capture_output=True, text=True
        )
        took = time.perf_counter() - began
    outcomes = json.loads(done.stdout)["endpoints"]
    silent = [outcome["name"] for outcome in outcomes if not outcome["ready"]]
    assert silent == [f"e{number}" for number in range(HANGING)], silent
    return took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


def loop(port: int) -> float:
    """Seconds that `uri` would take for all endpoints."""
    numbers = [*range(HANGING // SHARE), *range(HANGING, HANGING + (ENDPOINTS - HANGING) // SHARE)]
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                {
                    "ansible.builtin.uri": {
                        "url": f"http://127.0.0.1:{port}/e{{{{ item }}}}/health",
                        "timeout": ALLOWED,
                    },
                    "loop": numbers,
                    "ignore_errors": True,
                }
            ],
        }
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as playbook:
        json.dump(play, playbook)
        playbook.flush()
        began = time.perf_counter()
        subprocess.run(
            ["ansible-playbook", "-i", "localhost,", "-c", "local", playbook.name], check=True, capture_output=True
        )
        return (time.perf_counter() - began) * SHARE


def main() -> None:
    """Measure and write."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        port = listening.getsockname()[1]
        server = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
        server.start()
        ours, sizes, theirs = [], [], []
        for _round in range(ROUNDS):
            took, size = look(port)
            ours.append(took)
            sizes.append(size)
            theirs.append(loop(port))
        server.terminate()
    what = f"one look at {ENDPOINTS} endpoints, {HANGING} of which hang"
    took = round(statistics.median(ours), 2)
    rows = [
        Row(f"{what}, beside the {ALLOWED:g} s allowed for an answer", took, ALLOWED, "s", "at most 1.5 times"),
        Row(f"{what}, beside uri in a loop on /health alone", took, round(statistics.median(theirs), 1), "s", "less"),
        Row(f"memory of {what}", round(max(sizes), 1), None, "MB", "under 150 MB"),
    ]
    write("health", rows)


if __name__ == "__main__":
    main()
