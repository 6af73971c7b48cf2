# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that look at this host: a missing command or a failure is an observation too, not an error."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int  # 127 when there is no such command, 124 when it did not end in time
    output: str
    complaint: str  # what it wrote to standard error


def look(*command: str, timeout: float = 20.0) -> Outcome:
    """The outcome of ``command``, whatever it is."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            env={**os.environ, "LC_ALL": "C", "PATH": SYSTEM_PATH},
        )
    except FileNotFoundError:
        return Outcome(127, "", f"there is no {command[0]} command")
    except subprocess.TimeoutExpired:
        return Outcome(124, "", f"{command[0]} did not end within {timeout:.0f} s")
    return Outcome(done.returncode, done.stdout, done.stderr.strip())
