# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package repositories of a fleet: stand-ins of those of accelerators' vendors, as far as tests need them."""

from __future__ import annotations

import hashlib
import json

from .containers import ensure_container
from .fleet import CHECKOUT, Fleet
from .images import ensure_image
from .internet import wait_for
from .shell import RigError, docker

DESCRIPTIONS = CHECKOUT / "rig" / "packages"
KEYS = ("first", "second")
BUILT = ("rig.standins.apt_repository", "--root=/srv", "--keys=/keys")


def ensure_repositories(fleet: Fleet) -> None:
    """All of them, served and signed; their URLs and keys in ``repositories.json``."""
    keys = fleet.state / "repository-keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    options = (
        "--workdir=/checkout",
        "--env=PYTHONDONTWRITEBYTECODE=1",
        f"--volume={CHECKOUT / 'rig'}:/checkout/rig:ro",
        f"--volume={keys}:/keys",
    )
    command = ("python3", "-m", BUILT[0], "serve", *BUILT[1:], "--descriptions=/checkout/rig/packages")
    address = fleet.repositories.split("//")[1].split(":")[0]
    ensure_container(
        fleet, "repositories", address, ensure_image("apt"), *options, given=_fingerprint(), command=command
    )
    wait_for("package repositories", fleet.repositories)
    layouts = json.loads(docker("exec", fleet.container("repositories"), "cat", "/srv/repositories.json"))
    fleet.write(
        "repositories.json",
        {
            name: {
                "url": f"{fleet.repositories}/{name}",
                "suites": (layout or {}).get("suites", ["/"]),
                "component": (layout or {}).get("component", ""),
                "keys": {key: (keys / f"{name}-{key}.asc").read_text(encoding="utf-8") for key in KEYS},
            }
            for name, layout in layouts.items()
        },
    )


def sign(fleet: Fleet, repository: str, key: str) -> None:
    """Let the repository be signed with this one of its keys from now on, as a vendor does that rotates its own."""
    known = json.loads((fleet.state / "repositories.json").read_text(encoding="utf-8"))
    if repository not in known:
        raise RigError(f"Failed to find the repository {repository}", f"{fleet.name} has {', '.join(known)}")
    command = ("python3", "-m", BUILT[0], "sign", *BUILT[1:], f"--repository={repository}", f"--key={key}")
    docker("exec", fleet.container("repositories"), *command)


def _fingerprint() -> str:
    """Changes when what they are made from does."""
    digest = hashlib.sha256()
    sources = [
        path for path in (CHECKOUT / "rig" / "standins").glob("*.py") if path.stem in ("packages", "apt_repository")
    ]
    for path in sorted([*sources, *DESCRIPTIONS.rglob("*")]):
        if path.is_file():
            digest.update(str(path.relative_to(CHECKOUT)).encode() + path.read_bytes())
    return digest.hexdigest()
