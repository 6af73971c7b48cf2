# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet's image registry; all fleets of a machine share its data, so an image is pushed once."""

from __future__ import annotations

import shutil
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

from .cache import cache, locked
from .containers import ensure_container
from .fleet import Fleet
from .images import IMAGES, ensure_image
from .shell import RigError, docker, making
from .tls import ensure_certificate

ANSWERS_WITHIN = 20.0  # seconds
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json"
)


def ensure_registry(fleet: Fleet) -> None:
    """A registry that answers, known to this machine's engine."""
    tls = fleet.state / "tls"
    authority = ensure_certificate(tls, fleet.registry.split(":", maxsplit=1)[0])
    shutil.copyfile(authority, fleet.state / "ca.crt")
    trusted = _trust(fleet)
    trusted.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(authority, trusted / "ca.crt")
    data = cache() / "registry"
    data.mkdir(exist_ok=True)
    ensure_container(
        fleet,
        "registry",
        fleet.registry.split(":", maxsplit=1)[0],
        ensure_image("registry"),
        f"--volume={tls}:/tls:ro",
        f"--volume={data}:/var/lib/registry",
    )


def forget_registry(fleet: Fleet) -> None:
    """Undo what the machine's engine was told of it."""
    shutil.rmtree(_trust(fleet), ignore_errors=True)


def ensure_pushed(fleet: Fleet, name: str) -> str:
    """The reference by digest of the image ``name`` in the fleet's registry, where it is."""
    _image, _colon, tag = IMAGES[name].tag.partition(":")
    repository = IMAGES[name].folder
    digest = _digest(fleet, repository, tag)
    if digest is None:
        local = ensure_image(name)
        remote = f"{fleet.registry}/{repository}:{tag}"
        with locked("push"), making(f"{name} image pushed"):
            docker("tag", local, remote)
            docker("push", "--quiet", remote)
            docker("image", "rm", remote)
        digest = _digest(fleet, repository, tag)
    return f"{fleet.registry}/{repository}@{digest}"


def _digest(fleet: Fleet, repository: str, tag: str) -> str | None:
    """What the registry has as ``tag``."""
    request = urllib.request.Request(
        f"https://{fleet.registry}/v2/{repository}/manifests/{tag}", method="HEAD", headers={"Accept": MANIFESTS}
    )
    trust = ssl.create_default_context(cafile=str(fleet.state / "ca.crt"))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    deadline = time.monotonic() + ANSWERS_WITHIN
    cause = ""
    while True:
        try:
            with opener.open(request, timeout=5) as response:
                return str(response.headers["Docker-Content-Digest"])
        except urllib.error.HTTPError as refused:
            if refused.code == 404:
                return None
            cause = f"HTTP {refused.code}"
        except OSError as error:
            cause = str(error)
        if time.monotonic() > deadline:
            raise RigError(f"Failed to ask the registry {fleet.registry}", cause, "See its container's log.")
        time.sleep(0.2)


def _trust(fleet: Fleet) -> Path:
    return Path("/etc/docker/certs.d") / fleet.registry
