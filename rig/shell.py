# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands of this machine, and the one exception that reaches the user."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .cache import locked

LAST_LINES = 15  # of a failed command's output that are shown


class RigError(Exception):
    """Something the user of the rig can act on; reads ``attempted: cause. next_step``."""

    def __init__(self, attempted: str, cause: str, next_step: str = "") -> None:
        super().__init__(attempted, cause, next_step)
        self.cause = cause

    def __str__(self) -> str:
        attempted, cause, next_step = self.args
        return f"{attempted}: {cause.rstrip('.')}. {next_step}".strip()


def run(argv: Sequence[str], *, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> str:
    """What the command writes to its standard output; RigError with the last lines of the other one if it fails."""
    done = attempt(argv, stdin=stdin, env=env)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        cause = "\n".join(said[-LAST_LINES:]) or f"exit status {done.returncode}"
        raise RigError(f"Failed to run `{' '.join(argv[:6])}`", cause)
    return done.stdout.decode("utf-8", "replace").strip()


def attempt(
    argv: Sequence[str], *, stdin: str | bytes | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The finished command, whether it failed or not."""
    data = stdin.encode() if isinstance(stdin, str) else stdin or b""
    try:
        return subprocess.run(
            list(argv), input=data, capture_output=True, check=False, env={**os.environ, **(env or {})}
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(list(argv), 127, b"", f"{argv[0]}: not installed".encode())


def docker(*arguments: str, stdin: str | bytes | None = None) -> str:
    """What ``docker ARGUMENTS`` writes; images are built by the engine's own builder, which needs no plugin."""
    return run(["docker", *arguments], stdin=stdin, env={"DOCKER_BUILDKIT": "0"})


def exists(kind: str, name: str) -> bool:
    """Whether the engine has the ``kind`` (image, container, network, volume) ``name``."""
    return attempt(["docker", kind, "inspect", name]).returncode == 0


def need(packages: dict[str, str]) -> None:
    """Install the Debian packages whose command, the key, is missing."""
    if not _missing(packages):
        return
    with locked("apt"):
        if missing := _missing(packages):
            _install(missing)


def _missing(packages: dict[str, str]) -> list[str]:
    return sorted({package for command, package in packages.items() if not shutil.which(command)})


def _install(missing: list[str]) -> None:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise RigError("Failed to find " + ", ".join(missing), "not installed", "Install them, or run this as root.")
    with making(f"installed {', '.join(missing)}"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "--quiet"], env=quiet)
        run(["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing], env=quiet)


@contextmanager
def making(what: str) -> Iterator[None]:
    """Say how long ``what`` took, once it is done. A line with `made` means that something has changed."""
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print(f"  failed  {time.monotonic() - began:6.1f} s  {what}", flush=True)
        raise
    print(f"  made    {time.monotonic() - began:6.1f} s  {what}", flush=True)
