# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of the rig's own engine that are as they should be, whatever happened to them or to the engine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from .fleet import LABEL, Fleet
from .shell import attempt, docker, making

CONFIG = f"{LABEL}.config"  # the label that says what a container was made from


def ensure_network(fleet: Fleet) -> None:
    """The fleet's network; one with another subnet, left by something else, is replaced."""
    found = attempt(["docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", fleet.network])
    if found.returncode == 0 and found.stdout.decode().strip() == fleet.subnet:
        return
    if found.returncode == 0:
        docker("network", "rm", fleet.network)
    docker("network", "create", f"--label={LABEL}={fleet.name}", f"--subnet={fleet.subnet}", fleet.network)


def ensure_container(
    fleet: Fleet, part: str, address: str, image: str, *options: str, given: str = "", command: tuple[str, ...] = ()
) -> bool:
    """A running container of this image, these options and this command; whether it is a new one.

    ``given`` is what it was given beside these, a key or a certificate: with another one it has to be a new container.
    """
    name = fleet.container(part)
    arguments = [f"--network={fleet.network}", f"--ip={address}", *options, image, *command]
    fingerprint = hashlib.sha256("\0".join([*arguments, given]).encode()).hexdigest()[:16]
    state = inspect(name)
    if state is not None and state["Config"]["Labels"].get(CONFIG) == fingerprint and _runs(name, part, state["State"]):
        return False
    if state is not None:
        docker("rm", "--force", "--volumes", name)
    with making(f"{part} created"):
        labels = (f"--label={LABEL}={fleet.name}", f"--label={CONFIG}={fingerprint}")
        docker("run", "--detach", f"--name={name}", "--restart=always", *labels, *arguments)
    return True


def _runs(name: str, part: str, state: dict[str, Any]) -> bool:
    """Whether the container runs, if need be again; a killed engine can leave one that it cannot start."""
    if state["Paused"]:
        docker("unpause", name)
    if state["Running"]:
        return True
    with making(f"{part} started again"):
        return attempt(["docker", "start", name]).returncode == 0


def inspect(name: str) -> dict[str, Any] | None:
    """What the engine knows of the container ``name``."""
    found = attempt(["docker", "container", "inspect", name])
    if found.returncode != 0:
        return None
    state: dict[str, Any] = json.loads(found.stdout)[0]
    return state


def remove_all(fleet: Fleet) -> int:
    """Everything of the fleet that the engine has; how many containers and networks that was."""
    chosen = f"--filter=label={LABEL}={fleet.name}"
    containers = docker("ps", "--all", "--quiet", chosen).split()
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    networks = docker("network", "ls", "--quiet", chosen).split()
    for network in networks:
        docker("network", "rm", network)
    return len(containers) + len(networks)
