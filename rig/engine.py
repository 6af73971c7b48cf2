# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine under a rig: found or installed, started where no init does it, recovered when killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from .cache import cache, last_user_of_engine, locked
from .shell import RigError, attempt, docker, making, need, run

READY_WITHIN = 60.0  # seconds
PID_FILES = ("/run/docker.pid", "/run/docker/containerd/containerd.pid")
SOCKETS = ("/run/docker.sock", "/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock")


def ensure_engine() -> None:
    """An engine that answers."""
    if answers():
        return
    with locked("engine"):
        if answers():
            return
        need({"dockerd": "docker.io"})
        need({"docker": "docker-cli"})  # a package of its own from Debian 13 on
        with making("Docker engine started"):
            if Path("/run/systemd/system").is_dir():
                run(["systemctl", "start", "docker.service"])
            else:
                _start_by_hand()
            _wait()


def answers() -> bool:
    """Whether an engine answers."""
    return shutil.which("docker") is not None and attempt(["docker", "version", "--format", "ok"]).returncode == 0


def stop_if_ours() -> bool:
    """End the engine that a rig started by hand, unless it runs anything; whether it was ended."""
    record = cache() / "dockerd.pid"
    with last_user_of_engine() as last:
        if not last or not record.exists() or not answers() or docker("ps", "--quiet"):
            return False
        pid = int(record.read_text(encoding="utf-8"))
        if process_name(pid) != "dockerd":
            return False
        os.kill(pid, signal.SIGTERM)
        for _attempt in range(300):
            if process_name(pid) != "dockerd":
                break
            time.sleep(0.1)
        record.unlink()
        return True


def process_name(pid: int) -> str:
    """What runs as ``pid``; empty when nothing does, or a zombie."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return "" if fields["State"].startswith("Z") else fields["Name"]


def _start_by_hand() -> None:
    """A process of its own session, so that it outlives the shell that ran the rig."""
    remove_leftovers(PID_FILES, SOCKETS)
    with (cache() / "dockerd.log").open("ab") as log:
        process = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    (cache() / "dockerd.pid").write_text(str(process.pid), encoding="utf-8")


def remove_leftovers(pid_files: tuple[str, ...], sockets: tuple[str, ...]) -> None:
    """Without these, an engine that was killed does not start again: its pid may be another process's by now."""
    for name in pid_files:
        path = Path(name)
        if path.exists() and process_name(int(path.read_text(encoding="utf-8") or 0)) not in ("dockerd", "containerd"):
            path.unlink()
    for name in sockets:
        if Path(name).exists() and not _listens(name):
            Path(name).unlink()


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
        return True


def _wait() -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not answers():
        if time.monotonic() > deadline:
            log = cache() / "dockerd.log"
            said = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
            raise RigError(
                "Failed to start the Docker engine",
                f"no answer after {READY_WITHIN:.0f} s; it last said: {said[-1] if said else 'nothing'}",
                f"Read {log}.",
            )
        time.sleep(0.2)
