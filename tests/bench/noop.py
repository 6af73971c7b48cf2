# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long `site.yml` takes to find that nothing is to be done, beside gathering facts on the same hosts.

Needs the demo (`make demo`). Larger fleets are simulated: its two machines appear under 8 and 32 names, in pairs of
which each is a swarm, with one gateway for all. What the controller does is then what it does for as many machines;
what the machines do is more, as they are but two.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.results import Row, write

REPOSITORY = Path(__file__).parents[2]
INVENTORY = REPOSITORY / "inventories" / "demo"
STATE = REPOSITORY / ".demo"
ROUNDS = {2: 3, 8: 3, 32: 1}  # by number of hosts
TARGET = "at most 6 times"


def listed() -> dict[str, Any]:
    """The demo's inventory as Ansible sees it, templates unresolved."""
    return json.loads(run("ansible-inventory", "-i", str(INVENTORY), "--list")[0])


def simulate(inventory: dict[str, Any], size: int) -> Path:
    """A folder with an inventory in which the machines of ``inventory`` have ``size`` names."""
    machines = inventory["fleet"]["hosts"]
    pairs = range(size // len(machines))
    hostvars = inventory["_meta"]["hostvars"]
    children: dict[str, Any] = {}
    for group, content in inventory.items():
        for host in content.get("hosts", []):
            for pair in pairs if host in machines and group != "gateway" else [0]:
                swarm = {f"overlay_{role}_group": f"swarm_{role}_{pair}" for role in ("managers", "workers")}
                name = f"{host}-{pair}" if pair else host
                # A host has the variables of its machine, the name of the machine's anchor among them.
                for member in (group, f"{group}_{pair}"):
                    children.setdefault(member, {"hosts": {}})["hosts"][name] = {**hostvars[host], **swarm}
    # As deep as the demo's own inventory, for paths that start at it.
    folder = STATE / f"noop-{size}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.json").write_text(json.dumps({"all": {"children": children}}), encoding="utf-8")
    return folder


def run(*command: str) -> tuple[str, float]:
    """What ``command`` printed and the seconds it took; ends the benchmark where it fails."""
    began = time.perf_counter()
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False, capture_output=True, text=True)
    took = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return done.stdout, took


def measure(folder: Path, rounds: int) -> tuple[float, float]:
    """Median seconds of a `site.yml` that changes nothing, and of gathering facts, taken in turns."""
    ours, theirs = [], []
    for _round in range(rounds):
        printed, took = run("ansible-playbook", "site.yml", "-i", str(folder))
        assert not re.search(r"changed=[1-9]", printed), printed[-2000:]
        ours.append(took)
        theirs.append(run("ansible", "fleet", "-i", str(folder), "-m", "ansible.builtin.setup")[1])
    return round(statistics.median(ours), 2), round(statistics.median(theirs), 2)


def main() -> None:
    """Measure and write."""
    inventory = listed()
    rows = []
    for size, rounds in ROUNDS.items():
        folder = INVENTORY if size == len(inventory["fleet"]["hosts"]) else simulate(inventory, size)
        what = f"no-op site.yml on {size} hosts, beside gathering their facts"
        rows.append(Row(what, *measure(folder, rounds), "s", TARGET))
    write("noop", rows)


if __name__ == "__main__":
    main()
