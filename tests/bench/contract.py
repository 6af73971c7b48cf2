# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A contract with all probes, beside the same requests sent one after the other by urllib: the model's own time.

Needs the demo (`make demo`); its gateway is asked.
"""

from __future__ import annotations

import statistics
import time
import urllib.error
import urllib.request
from typing import Any

from ansible_collections.inference.fleet.plugins.module_utils.serving.client import Client, Endpoint
from ansible_collections.inference.fleet.plugins.module_utils.serving.contract import run
from ansible_collections.inference.fleet.plugins.module_utils.serving.contract.capabilities import CAPABILITIES
from ansible_collections.inference.fleet.plugins.module_utils.serving.exchange import exchange
from rig.fleet import fleet
from rig.lifecycle import ensure_key
from tests.bench.results import Row, write

ROUNDS = 3
TIMEOUT = 300.0  # seconds for one answer
SERVICE = {"name": "demo", "model": "smollm2-135m-instruct", "max_model_len": 1024, "contract": CAPABILITIES}


def ours(endpoint: Endpoint) -> tuple[float, list[dict[str, Any]]]:
    """Seconds that the contract took, and the requests that it made."""
    requests: list[dict[str, Any]] = []

    def recorded(request: dict[str, Any]) -> dict[str, Any]:
        requests.append(request)
        return exchange(request)

    began = time.perf_counter()
    result = run._hold(Client(endpoint, recorded), SERVICE, TIMEOUT)
    took = time.perf_counter() - began
    assert sum(probe["outcome"] == "pass" for probe in result["probes"]) >= 13, result
    return took, requests


def theirs(requests: list[dict[str, Any]]) -> float:
    """Seconds for ``requests``, one after the other."""
    began = time.perf_counter()
    for request in requests:
        sent = urllib.request.Request(request["url"], request["body"].encode(), request["headers"])
        try:
            urllib.request.urlopen(sent, timeout=TIMEOUT).read()
        except urllib.error.HTTPError as refused:  # some probes want a refusal
            refused.read()
    return time.perf_counter() - began


def main() -> None:
    """Measure and write."""
    demo = fleet("demo")
    endpoint = Endpoint("demo", demo.endpoint, api_key=ensure_key(demo))
    left, right = [], []
    for _round in range(ROUNDS):
        took, requests = ours(endpoint)
        left.append(took)
        right.append(theirs(requests))
    what = f"a contract of {len(CAPABILITIES)} capabilities, beside its requests one after the other"
    row = Row(what, round(statistics.median(left), 2), round(statistics.median(right), 2), "s", "at most 1.2 times")
    write("contract", [row])


if __name__ == "__main__":
    main()
