# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture of a host and its Docker, for roles to decide on: what is not there is None, not an error."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import FleetError
from ..host.esp import probe_esp
from ..host.packages import observe_packages
from ..host.system import observe_host
from ..host.units import observe_units, why_it_failed
from ..local_command import SYSTEM_PATH, look
from .api import engine_get
from .daemon_files import read_files
from .daemon_merge import without_secrets
from .engine import parse_containers, parse_networks, parse_swarm

NO_SWARM = parse_swarm({})
PLUGIN_DIRECTORIES = ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")


def picture(
    *, packages: Iterable[str] = (), units: Iterable[str] = (), files: Iterable[str] = (), esp: bool = False
) -> dict[str, Any]:
    """The picture of this host; ``packages``, ``units`` and ``files`` are those that the caller wants to know about."""
    host = observe_host()
    versions, held = observe_packages(packages)
    daemon = read_files()
    return {
        "distribution": {**asdict(host.distribution), "release": host.distribution.release},
        "kernel": host.kernel,
        "architecture": host.architecture,
        "addresses": list(host.addresses),
        "esp": asdict(probe_esp()) if esp else None,
        "packages": versions,
        "held": held,
        "units": observe_units(units),
        "files": {path: observe_file(Path(path)) for path in files},
        "compose": compose_version(),
        "daemon_json": None if daemon.config is None else without_secrets(daemon.config),
        "daemon_contributions": daemon.digests,
        "daemon_settled": daemon.settled,
        **observe_engine(),
    }


def observe_engine() -> dict[str, Any]:
    """The engine with its swarm, networks and containers; ``engine`` is None where none is installed."""
    info = engine_get("/info")
    if info is None:
        installed = shutil.which("dockerd", path=SYSTEM_PATH) is not None
        engine = {"running": False, "version": None, "error": why_it_failed("docker.service")} if installed else None
        return {"engine": engine, "swarm": NO_SWARM, "networks": {}, "containers": {}}
    return {
        "engine": {"running": True, "version": info["ServerVersion"], "error": None},
        "swarm": parse_swarm(info),
        "networks": parse_networks(engine_get("/networks") or []),
        "containers": parse_containers(engine_get("/containers/json?all=1") or []),
    }


def observe_file(path: Path) -> str | None:
    """SHA-256 of the file, never its content; None when there is no such file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise FleetError(f"Failed to read {path}", error.strerror or str(error), "Is the play run as root?") from error


def compose_version() -> str | None:
    """Version of the compose plugin of the docker command."""
    for directory in PLUGIN_DIRECTORIES:
        plugin = Path(directory, "docker/cli-plugins/docker-compose")
        if plugin.exists():
            outcome = look(str(plugin), "version", "--short")
            return outcome.output.strip().lstrip("v") or None
    return None
