# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual hosts: containers that boot Debian with systemd, reached over SSH, and reboot, freeze and thaw."""

from __future__ import annotations

import time

from .containers import ensure_container
from .fleet import HOSTS, Fleet
from .images import ensure_image
from .shell import RigError, attempt, docker, making, need, run

BOOTED_WITHIN = 60.0  # seconds
# What a machine of metal lets its root do. Its cgroup tree and its network are its own.
METAL = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",  # not every machine has it to give
    "--security-opt=seccomp=unconfined",
    "--security-opt=systempaths=unconfined",
    "--security-opt=apparmor=unconfined",
    "--cgroupns=private",
    "--tmpfs=/run:exec",
    "--tmpfs=/tmp:exec",
    "--shm-size=2g",
    "--env=container=docker",
    "--volume=/var/lib/docker",  # an engine's layers cannot lie on another engine's
)


def ensure_hosts(fleet: Fleet) -> None:
    """All virtual hosts, booted, with the fleet's key let in."""
    key = ensure_key(fleet)
    image = ensure_image("host")
    new = [
        host
        for host in HOSTS
        if ensure_container(fleet, host, fleet.address(host), image, f"--hostname={host}", *METAL, given=key)
    ]
    if new:
        with making(f"{' and '.join(new)} booted"):
            for host in new:
                _wait(fleet, host)
                _let_in(fleet, host, key)
    else:
        for host in HOSTS:
            _wait(fleet, host)
    _remember(fleet)


def ensure_key(fleet: Fleet) -> str:
    """The public half of the fleet's own SSH key."""
    need({"ssh-keygen": "openssh-client", "ssh": "openssh-client"})
    private = fleet.state / "ssh" / "id_ed25519"
    private.parent.mkdir(mode=0o700, exist_ok=True)
    if not private.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", fleet.network, "-f", str(private)])
    return private.with_suffix(".pub").read_text(encoding="utf-8")


def freeze(fleet: Fleet, host: str) -> None:
    """Stop a host dead: it keeps its memory and its connections, and answers nothing."""
    fleet.address(host)
    docker("pause", fleet.container(host))


def thaw(fleet: Fleet, host: str) -> None:
    """Let a frozen host go on."""
    fleet.address(host)
    docker("unpause", fleet.container(host))


def remove_hosts(fleet: Fleet) -> None:
    """End the hosts and forget their disks."""
    for host in HOSTS:
        attempt(["docker", "rm", "--force", "--volumes", fleet.container(host)])


def _wait(fleet: Fleet, host: str) -> None:
    """Until systemd says that the host is up."""
    deadline = time.monotonic() + BOOTED_WITHIN
    while True:
        asked = attempt(["docker", "exec", fleet.container(host), "systemctl", "is-system-running"])
        state = asked.stdout.decode().strip()
        if state in ("running", "degraded"):
            return
        if time.monotonic() > deadline:
            said = attempt(["docker", "logs", "--tail", "3", fleet.container(host)]).stdout.decode().strip()
            raise RigError(f"Failed to boot {host}", f"systemd says {state or 'nothing'} ({said})")
        time.sleep(0.2)


def _let_in(fleet: Fleet, host: str, key: str) -> None:
    container = fleet.container(host)
    docker("exec", container, "install", "-d", "-m", "0700", "/root/.ssh")
    docker("exec", "-i", container, "sh", "-c", "umask 077 && cat > /root/.ssh/authorized_keys", stdin=key)


def _remember(fleet: Fleet) -> None:
    """The hosts' keys, so that the first connection asks no question."""
    lines = []
    for host in HOSTS:
        key = docker("exec", fleet.container(host), "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
        lines.append(f"{fleet.address(host)} {' '.join(key.split()[:2])}\n")
    known = fleet.state / "ssh" / "known_hosts"
    if not known.exists() or known.read_text(encoding="utf-8") != "".join(lines):
        known.write_text("".join(lines), encoding="utf-8")
