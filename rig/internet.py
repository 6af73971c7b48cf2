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
from .shell import RigError

BUCKET = "models"
GATED = "demo/gated"  # what a description names to see how a refusal reads
ANSWERS_WITHIN = 20.0  # seconds


def ensure_internet(fleet: Fleet) -> None:
    """A hub and an object store that answer; its credentials in ``s3.json``."""
    image = ensure_image("standins")
    root = repositories()
    root.joinpath(GATED).mkdir(parents=True, exist_ok=True)
    root.joinpath(GATED, "README.md").touch()
    ensure_container(
        fleet, "hub", f"{fleet.prefix}.2", image, "--workdir=/checkout", f"--volume={CHECKOUT / 'rig'}:/checkout/rig:ro",
        f"--volume={root}:/repositories:ro", "--env=PYTHONDONTWRITEBYTECODE=1",
        command=("python3", "-m", "rig.standins.hub", "--root=/repositories", "--host=0.0.0.0", "--port=8080", f"--gated={GATED}"),
    )  # fmt: skip
    environment = _credentials(fleet)
    ensure_container(
        fleet, "s3", f"{fleet.prefix}.3", image, f"--env-file={environment}",
        command=("sh", "-c", f"mkdir -p /srv/{BUCKET} && exec nanio serve --host 0.0.0.0 --data-dir /srv --no-access-log"),
    )  # fmt: skip
    _wait("hub", fleet.hub)
    _wait("object store", fleet.store)


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


def _wait(what: str, url: str) -> None:
    """Any answer will do, a refusal too."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + ANSWERS_WITHIN
    while True:
        try:
            opener.open(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise RigError(f"Failed to reach the {what} at {url}", str(error), "See its container's log.") from error
            time.sleep(0.1)
        else:
            return
