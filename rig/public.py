# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public images, where they can be pulled."""

from __future__ import annotations

import functools
import os
import subprocess

from .shell import RigError, docker, making

ANSWER_WITHIN = 10.0  # seconds; a firewall that drops packets must not hold up a build
PROBE = "debian:13"


def pull(reference: str, tag: str) -> bool:
    """Pull the public image ``reference`` and call it ``tag``; False where it cannot be had, and so has to be built."""
    if not reachable():
        return False
    try:
        with making(f"{reference} pulled"):
            docker("pull", "--quiet", reference)
    except RigError as error:
        print(f"  {error}")
        return False
    docker("tag", reference, tag)
    return True


@functools.cache
def reachable() -> bool:
    """Whether Docker's default registry answers; ``RIG_PUBLIC_IMAGES=no`` says that it is not to be asked."""
    if os.environ.get("RIG_PUBLIC_IMAGES") == "no":
        return False
    try:
        asked = subprocess.run(
            ["docker", "manifest", "inspect", PROBE],
            capture_output=True,
            check=False,
            timeout=ANSWER_WITHIN,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "DOCKER_CLI_EXPERIMENTAL": "enabled"},
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0
