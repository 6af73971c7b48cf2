# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers from outside that should not: instances without their gateway, and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .client import quoted
from .exchange import exchange

REFUSED = (401, 403, 404)


def look_from_here(targets: Sequence[dict[str, Any]], timeout: float) -> list[dict[str, Any]]:
    """``{name, url, closed, evidence}`` of each of ``targets`` (``{name, url, ca}``), all asked at once for at most
    ``timeout`` seconds.
    """

    def ask(target: dict[str, Any]) -> dict[str, Any]:
        answer = exchange({"url": target["url"], "timeout": timeout, "ca": target.get("ca")})
        silent = answer["problem"] in ("unreachable", "timeout") and not answer["status"]
        if silent:
            evidence = answer["detail"]
        elif answer["status"]:
            evidence = f"HTTP {answer['status']}" + (f", {quoted(answer['body'], 60)}" if answer["body"] else "")
        else:
            evidence = f"something else than HTTP listens there ({answer['detail']})"
        closed = silent or answer["status"] in REFUSED
        return {"name": target["name"], "url": target["url"], "closed": closed, "evidence": evidence}

    with ThreadPoolExecutor(max(1, len(targets))) as pool:
        return list(pool.map(ask, targets))
