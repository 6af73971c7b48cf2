# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A steady load of short chat requests on an endpoint, and what became of each.

Open loop: a request starts every ``1 / rate`` seconds whether or not the earlier ones have ended, as users do, so a
stalled endpoint is not hidden by a client that waits for it. Writes one JSON line per request: ``start`` and ``end``
(seconds since the epoch), ``status`` (HTTP status, 0 when the connection failed) and ``error``.

    python tests/load/steady.py --url URL --model NAME --seconds 40 --rate 2 --output FILE   (key in OPENAI_API_KEY)
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

REQUEST_TIMEOUT = 60.0  # seconds; far above any wait that a test accepts


def ask_once(url: str, key: str, model: str, number: int) -> dict[str, Any]:
    """What became of one short request: its start, end, status and error."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": f"Say the number {number}."}],
        "max_tokens": 2,
        "temperature": 0,
    }
    request = urllib.request.Request(
        f"{url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    start = time.time()
    status, error = 0, ""
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT) as response:
            status = response.status
            json.load(response)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as refused:
        status, error = refused.code, refused.read(300).decode("utf-8", "replace")
    except (OSError, ValueError, LookupError) as broken:
        error = f"{type(broken).__name__}: {broken}"
    return {"start": start, "end": time.time(), "status": status, "error": error}


def run(url: str, key: str, model: str, seconds: float, rate: float) -> list[dict[str, Any]]:
    """The outcome of every request of ``seconds`` of load at ``rate`` requests per second, in order of their start."""
    outcomes: list[dict[str, Any]] = []
    threads = []
    begin = time.monotonic()
    for number in range(int(seconds * rate)):
        time.sleep(max(0.0, begin + number / rate - time.monotonic()))
        thread = threading.Thread(target=lambda n=number: outcomes.append(ask_once(url, key, model, n)))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    return sorted(outcomes, key=lambda outcome: outcome["start"])


def main() -> None:
    """Run the load that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="API base, /v1 included")
    parser.add_argument("--model", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True, help="requests per second")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    outcomes = run(options.url, os.environ["OPENAI_API_KEY"], options.model, options.seconds, options.rate)
    options.output.write_text("".join(json.dumps(outcome) + "\n" for outcome in outcomes), encoding="utf-8")


if __name__ == "__main__":
    main()
