# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets come up, are looked at, start afresh and go."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

from .ask import write_endpoint
from .cache import using_engine
from .containers import ensure_network, inspect, remove_all
from .engine import answers, ensure_engine, stop_if_ours
from .fleet import HOSTS, WITHOUT_REPOSITORIES, Fleet
from .hosts import ensure_hosts, remove_hosts
from .images import ensure_image
from .internet import ensure_internet
from .model import ensure_model
from .registry import ensure_pushed, ensure_registry, forget_registry
from .repositories import ensure_repositories
from .shell import making


def up(fleet: Fleet, hosts_only: bool = False) -> None:
    """Hosts, stand-ins and, unless ``hosts_only``, the images in the registry; what is there already is kept."""
    began = time.monotonic()
    fleet.state.mkdir(exist_ok=True)
    with using_engine(), ThreadPoolExecutor(1) as background:
        ensure_engine()
        images = () if hosts_only else fleet.images
        building = background.submit(lambda: [ensure_image(name) for name in images])
        ensure_network(fleet)
        ensure_hosts(fleet)
        ensure_registry(fleet)
        fleet.write("model.json", ensure_model())
        ensure_internet(fleet)
        if fleet.name not in WITHOUT_REPOSITORIES:
            ensure_repositories(fleet)
        ensure_key(fleet)
        building.result()
        if images:
            fleet.write("images.json", {name: ensure_pushed(fleet, name) for name in images})
    print(f"{fleet.name} is up ({time.monotonic() - began:.1f} s): {describe(fleet)}")


def push(fleet: Fleet, name: str) -> None:
    """The image ``name``, which ``up`` leaves out, in the registry of a fleet that is up, and in ``images.json``."""
    with using_engine():
        ensure_engine()
        ensure_registry(fleet)
        path = fleet.state / "images.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        fleet.write(path.name, {**known, name: ensure_pushed(fleet, name)})


def ensure_key(fleet: Fleet) -> str:
    """The gateway's key, for its inventory (``gateway.key``) and its clients (``endpoint.env``); made once."""
    path = fleet.state / "gateway.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"sk-{secrets.token_hex(24)}", encoding="utf-8")
    key = path.read_text(encoding="utf-8")
    write_endpoint(fleet.state, fleet.endpoint, key)
    return key


def reset(fleet: Fleet) -> None:
    """The same fleet with bare hosts."""
    with using_engine():
        ensure_engine()
        with making("hosts removed"):
            remove_hosts(fleet)
        ensure_network(fleet)
        ensure_hosts(fleet)


def down(fleet: Fleet) -> None:
    """Nothing is left of the fleet; caches stay, and so does an engine that others use."""
    with using_engine():
        if answers():
            with making(f"{fleet.name} removed"):
                remove_all(fleet)
    if stop_if_ours():
        print("  the Docker engine that the rig had started is stopped")
    forget_registry(fleet)
    shutil.rmtree(fleet.state, ignore_errors=True)


def status(fleet: Fleet) -> bool:
    """Print how each part of the fleet is; whether all run."""
    parts = [*HOSTS, "hub", "s3", "registry"]
    parts += [] if fleet.name in WITHOUT_REPOSITORIES else ["repositories"]
    states = {part: _state(fleet, part) for part in parts} if answers() else dict.fromkeys(parts, "no engine")
    for part, state in states.items():
        print(f"{part:<10}{state}")
    return set(states.values()) == {"running"}


def describe(fleet: Fleet) -> str:
    """Where its parts are."""
    hosts = ", ".join(f"{host} {fleet.address(host)}" for host in HOSTS)
    return f"{hosts}, hub {fleet.hub}, store {fleet.store}, registry {fleet.registry}"


def _state(fleet: Fleet, part: str) -> str:
    known = inspect(fleet.container(part))
    return "absent" if known is None else str(known["State"]["Status"])
