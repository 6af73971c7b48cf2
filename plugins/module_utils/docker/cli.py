# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker command: JSON where it offers JSON, a deadline, and failures as FleetError."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

from ..errors import FleetError

ENVIRONMENT = {"LC_ALL": "C", "DOCKER_CLI_HINTS": "false"}


def cause_in(output: str) -> str:
    """The line of ``output`` that says what went wrong: the last one that is not the command's usual advice."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("See 'docker", "Run 'docker", "Usage:"))]
    last = (telling or lines or ["it failed without a word"])[-1]
    for prefix in ("Error response from daemon: ", "error during connect: ", "docker: "):
        last = last[len(prefix) :] if last.startswith(prefix) else last
    return last


def docker(
    *arguments: str,
    attempted: str,
    stdin: str | None = None,
    timeout: float = 60.0,
    read_cause: Callable[[str], str] = cause_in,
) -> str:
    """What ``docker ARGUMENTS`` printed.

    ``attempted`` says in words what it is for ("Failed to start the anchor"). Secrets belong in ``stdin``: a process
    list shows the arguments. Raises FleetError when docker is missing, fails (``read_cause`` finds in its output why),
    or outlasts ``timeout`` seconds.
    """
    try:
        done = subprocess.run(
            ["docker", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **ENVIRONMENT},
        )
    except FileNotFoundError as error:
        raise FleetError(
            attempted, "there is no docker command", "Run the role inference.fleet.docker first."
        ) from error
    except subprocess.TimeoutExpired as error:
        command = " ".join(["docker", *arguments[:2]])
        raise FleetError(
            attempted, f"`{command}` did not end within {timeout:.0f} s", "Does the engine answer?"
        ) from error
    if done.returncode != 0:
        raise FleetError(attempted, read_cause(done.stderr or done.stdout), _next_step(done.stderr))
    return done.stdout


def docker_json(*arguments: str, attempted: str, timeout: float = 60.0) -> Any:
    """The decoded document that ``docker ARGUMENTS`` printed."""
    return _decode(docker(*arguments, attempted=attempted, timeout=timeout), attempted)


def docker_json_lines(*arguments: str, attempted: str, timeout: float = 60.0) -> list[Any]:
    """The decoded lines of a list command given ``--format json`` (or ``{{json .}}``, for older engines)."""
    return [_decode(line, attempted) for line in docker(*arguments, attempted=attempted, timeout=timeout).splitlines()]


def _decode(text: str, attempted: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise FleetError(attempted, f"docker printed {text[:60]!r}, which is not JSON") from error


def _next_step(stderr: str) -> str:
    if "Cannot connect to the Docker daemon" in stderr:
        return "Look at `journalctl -u docker`."
    return ""
