# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub and the object store of a fleet."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from pathlib import Path

from .containers import ensure_container
from .fleet import CHECKOUT, Fleet
from .images import ensure_image
from .model import repositories
from .shell import RigError, docker

BUCKET = "models"
GATED = "demo/gated"  # what a description names to see how a refusal reads
SMALL = "demo/small"  # what takes no time to publish, fetch and remove
ANSWERS_WITHIN = 20.0  # seconds


def ensure_internet(fleet: Fleet) -> None:
    """A hub and an object store that answer; its credentials in ``s3.json``."""
    image = ensure_image("standins")
    root = repositories()
    for repo_id in (GATED, SMALL):
        root.joinpath(repo_id).mkdir(parents=True, exist_ok=True)
        root.joinpath(repo_id, "README.md").write_text(f"{repo_id}\n", encoding="utf-8")
    checkout = f"--volume={CHECKOUT / 'rig'}:/checkout/rig:ro"
    options = ("--workdir=/checkout", "--env=PYTHONDONTWRITEBYTECODE=1", checkout, f"--volume={root}:/repositories:ro")
    hub = ("python3", "-m", "rig.standins.hub", "--root=/repositories", "--host=0.0.0.0", "--port=8080")
    ensure_container(fleet, "hub", f"{fleet.prefix}.2", image, *options, command=(*hub, f"--gated={GATED}"))
    environment = _credentials(fleet)
    store = f"mkdir -p /srv/{BUCKET} && exec nanio serve --host 0.0.0.0 --data-dir /srv --no-access-log"
    command = ("sh", "-c", store)
    ensure_container(fleet, "s3", f"{fleet.prefix}.3", image, f"--env-file={environment}", command=command)
    wait_for("hub", fleet.hub)
    wait_for("object store", fleet.store)


def slow(fleet: Fleet, rate: str) -> None:
    """Let the object store send no faster than ``rate``, such as 100mbit; empty: as fast as it can."""
    limit = ("replace", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "256k", "latency", "100ms")
    tc = ("--entrypoint=tc", ensure_image("host"), "qdisc", *(limit if rate else ("delete", "dev", "eth0", "root")))
    docker("run", "--rm", f"--network=container:{fleet.container('s3')}", "--cap-add=NET_ADMIN", *tc)


def _credentials(fleet: Fleet) -> Path:
    """The object store's environment, with a secret key that is made once."""
    path = fleet.state / "s3.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    store = {
        "access_key": fleet.name,
        "secret_key": known.get("secret_key") or secrets.token_hex(20),
        "bucket": BUCKET,
        "endpoint": fleet.store,
    }
    fleet.write("s3.json", store, mode=0o600)
    environment = fleet.state / "s3.env"
    environment.touch(mode=0o600)
    environment.write_text(
        f"NANIO_ACCESS_KEY={store['access_key']}\nNANIO_SECRET_KEY={store['secret_key']}\n", encoding="utf-8"
    )
    return environment


def wait_for(what: str, url: str) -> None:
    """Until something answers at ``url``."""
    deadline = time.monotonic() + ANSWERS_WITHIN
    while (cause := _silence(url)) is not None:
        if time.monotonic() > deadline:
            raise RigError(f"Failed to reach the {what} at {url}", cause, "See its container's log.")
        time.sleep(0.1)


def _silence(url: str) -> str | None:
    """Why nothing answers; any answer will do, a refusal too."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5).close()
    except urllib.error.HTTPError:
        return None
    except OSError as error:
        return str(error)
    return None
