# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams one long answer and fails unless it comes whole, piece by piece.

Prints JSON: ``pieces``, ``began`` and ``ended`` (seconds since the epoch, of the first and the last piece).

    python tests/load/stream.py --url URL --model NAME --tokens 300     (key in OPENAI_API_KEY)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.request

TIMEOUT = 60.0  # seconds between two pieces


def main() -> None:
    """Stream, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True, help="API base, /v1 included")
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", type=int, required=True)
    options = parser.parse_args()
    body = {
        "model": options.model,
        "prompt": "Once upon a time",
        "max_tokens": options.tokens,
        "ignore_eos": True,
        "stream": True,
    }
    request = urllib.request.Request(
        f"{options.url}/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"},
    )
    arrivals: list[float] = []
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        for line in response:
            if line.startswith(b"data: [DONE]"):
                break
            if line.startswith(b"data:"):
                arrivals.append(time.time())
        else:
            sys.exit(f"The stream broke off after {len(arrivals)} pieces.")
    print(json.dumps({"pieces": len(arrivals), "began": arrivals[0], "ended": arrivals[-1]}))


if __name__ == "__main__":
    main()
