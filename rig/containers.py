# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of the rig's own engine that are as they should be, whatever happened to them or to the engine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .fleet import LABEL, Fleet
from .shell import attempt, docker, exists, making


def ensure_network(fleet: Fleet) -> None:
    """The fleet's network; one with another subnet, left by something else, is replaced."""
    found = attempt(["docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", fleet.network])
    if found.returncode == 0 and found.stdout.decode().strip() == fleet.subnet:
        return
    if found.returncode == 0:
        docker("network", "rm", fleet.network)
    docker("network", "create", f"--label={LABEL}={fleet.name}", f"--subnet={fleet.subnet}", fleet.network)


def ensure_container(
    fleet: Fleet, part: str, address: str, image: str, *options: str, command: tuple[str, ...] = ()
) -> bool:
    """A running container of this image, these options and this command; whether it is a new one."""
    name = fleet.container(part)
    arguments = [f"--network={fleet.network}", f"--ip={address}", *options, image, *command]
    fingerprint = hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:16]
    state = inspect(name)
    if state is not None and state["Config"]["Labels"].get(f"{LABEL}.config") == fingerprint:
        if state["State"]["Paused"]:
            docker("unpause", name)
        if not state["State"]["Running"]:
            with making(f"{part} started again"):
                docker("start", name)
        return False
    if state is not None:
        docker("rm", "--force", "--volumes", name)
    with making(f"{part} created"):
        labels = (f"--label={LABEL}={fleet.name}", f"--label={LABEL}.config={fingerprint}")
        docker("run", "--detach", f"--name={name}", "--restart=always", *labels, *arguments)
    return True


def inspect(name: str) -> dict[str, Any] | None:
    """What the engine knows of the container ``name``."""
    found = attempt(["docker", "container", "inspect", name])
    if found.returncode != 0:
        return None
    state: dict[str, Any] = json.loads(found.stdout)[0]
    return state


def remove_all(fleet: Fleet) -> int:
    """Everything of the fleet that the engine has; how many containers, networks and volumes that was."""
    chosen = f"--filter=label={LABEL}={fleet.name}"
    containers = docker("ps", "--all", "--quiet", chosen).split()
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    networks = docker("network", "ls", "--quiet", chosen).split()
    for network in networks:
        docker("network", "rm", network)
    volumes = docker("volume", "ls", "--quiet", chosen).split()
    if volumes:
        docker("volume", "rm", *volumes)
    return len(containers) + len(networks) + len(volumes)


def ensure_volume(fleet: Fleet, name: str) -> str:
    """The full name of a volume of the fleet, which exists."""
    full = fleet.container(name)
    if not exists("volume", full):
        docker("volume", "create", f"--label={LABEL}={fleet.name}", full)
    return full
