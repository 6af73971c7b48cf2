# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the plan of a large fleet takes: 200 hosts, 500 services."""

from __future__ import annotations

import statistics
import time

from ansible_collections.inference.fleet.plugins.module_utils.fleet.description import describe
from ansible_collections.inference.fleet.plugins.module_utils.fleet.plan import plan
from tests.bench.results import Row, write

HOSTS, SERVICES, RUNS = 200, 500, 5


def large_fleet() -> tuple[dict, dict[str, str]]:
    """A description of SERVICES services with two replicas each, and the addresses of HOSTS hosts with eight GPUs."""
    addresses = {f"gpu-{number:03}": f"10.0.{number // 250}.{number % 250}" for number in range(HOSTS)}
    hosts = list(addresses)
    models = {
        f"model-{number}": {"repo_id": f"org/model-{number}", "revision": f"{number:040}", "family": "llama"}
        for number in range(SERVICES)
    }
    services = {
        f"service-{number}": {
            "model": f"model-{number}",
            "hosts": [hosts[number * 2 % HOSTS], hosts[(number * 2 + 1) % HOSTS]],
            "devices": [number * 2 // HOSTS],
        }
        for number in range(SERVICES)
    }
    fleet = {
        "models": models,
        "services": services,
        "defaults": {"image": "vllm@sha256:" + "0" * 64},
        "gateway": {"hosts": hosts[:2]},
    }
    return fleet, addresses


def main() -> None:
    """Measure and write."""
    raw, addresses = large_fleet()
    times = []
    for _run in range(RUNS):
        began = time.perf_counter()
        described = describe(raw, addresses)
        made = plan(described, addresses)
        times.append(time.perf_counter() - began)
    assert not described.mistakes, described.mistakes[:3]
    assert len(made.services) == SERVICES * 2
    what = f"plan of {HOSTS} hosts and {SERVICES} services with two replicas each"
    write("plan", [Row(what, round(statistics.median(times), 3), None, "s", "under 2 s")])


if __name__ == "__main__":
    main()
