# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Docker engine says of itself, its swarm, networks and containers, in the words of this collection."""

from __future__ import annotations

from typing import Any


def parse_swarm(info: dict[str, Any]) -> dict[str, Any]:
    """The node's place in a swarm, from the engine's ``/info``. A worker does not know the cluster's id."""
    swarm = info.get("Swarm") or {}
    return {
        "state": swarm.get("LocalNodeState") or "inactive",
        "error": swarm.get("Error") or "",
        "node_id": swarm.get("NodeID") or "",
        "node_addr": swarm.get("NodeAddr") or "",
        "is_manager": bool(swarm.get("ControlAvailable")),
        "cluster_id": (swarm.get("Cluster") or {}).get("ID") or "",
        "managers": sorted(_without_port(manager["Addr"]) for manager in swarm.get("RemoteManagers") or []),
    }


def parse_networks(networks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Networks by name."""
    return {
        network["Name"]: {
            "driver": network["Driver"],
            "scope": network["Scope"],
            "attachable": bool(network.get("Attachable")),
            "encrypted": is_encrypted(network.get("Options") or {}),
            "subnets": [
                config["Subnet"] for config in (network.get("IPAM") or {}).get("Config") or [] if config.get("Subnet")
            ],
            "mtu": int((network.get("Options") or {}).get("com.docker.network.driver.mtu") or 0),
        }
        for network in networks
    }


def is_encrypted(options: dict[str, str]) -> bool:
    """Whether an overlay's driver options ask for encryption: the key alone does, unless its value denies it."""
    return "encrypted" in options and options["encrypted"].lower() not in ("false", "0", "f")


def parse_containers(containers: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Containers by name, from ``/containers/json?all=1``."""
    return {
        container["Names"][0].lstrip("/"): {
            "image": container["Image"],
            "state": container["State"],
            "health": _health(container["Status"]),
            "project": container["Labels"].get("com.docker.compose.project"),
            "networks": sorted((container.get("NetworkSettings") or {}).get("Networks") or {}),
            "published": sorted(
                {
                    f"{port['PublicPort']}/{port['Type']}"
                    for port in container.get("Ports") or []
                    if "PublicPort" in port
                }
            ),
        }
        for container in containers
        if container["Names"]
    }


def _health(status: str) -> str | None:
    """``healthy``, ``unhealthy``, ``starting`` or None, which the list of containers only says in its prose."""
    for health in ("unhealthy", "healthy"):
        if f"({health})" in status:
            return health
    return "starting" if "(health: starting)" in status else None


def _without_port(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")
