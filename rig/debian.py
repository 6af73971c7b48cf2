# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian base images: made from the machine's mirror, as small as the public ones."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import tempfile
from pathlib import Path

from .cache import cache, locked
from .machine import apt_sources, ca_bundle, render_sources, sources_files
from .public import pull
from .shell import RigError, exists, making, need, run

RELEASES = {"12": "bookworm", "13": "trixie"}


@functools.cache
def machine_fingerprint() -> str:
    """Changes when what this machine hands on to images does: its mirrors and the certificates that it trusts."""
    digest = hashlib.sha256(ca_bundle().read_bytes())
    for path in sources_files():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def debian_image(version: str) -> str:
    """The local tag of a bare Debian ``version``, made with debootstrap where it cannot be pulled."""
    tag = f"inference.fleet/debian:{version}-{machine_fingerprint()}"
    if not exists("image", tag):
        with locked(f"debian-{version}"):
            if not exists("image", tag) and not pull(f"debian:{version}", tag):
                need({"debootstrap": "debootstrap"})
                with making(f"Debian {version} base image"):
                    _make(tag, RELEASES[version])
    return tag


def _make(tag: str, release: str) -> None:
    sources = apt_sources(release)
    with tempfile.TemporaryDirectory(dir=cache(), prefix="debootstrap-") as folder:
        root = Path(folder, "root")
        run(["debootstrap", "--variant=minbase", "--include=ca-certificates", release, str(root), sources[0].uri])
        root.joinpath("etc/apt/sources.list").unlink(missing_ok=True)
        root.joinpath("etc/apt/sources.list.d/debian.sources").write_text(render_sources(sources), encoding="utf-8")
        root.joinpath("usr/local/share/ca-certificates/machine.crt").write_bytes(ca_bundle().read_bytes())
        run(["chroot", str(root), "update-ca-certificates"])
        root.joinpath("etc/machine-id").write_text("", encoding="utf-8")
        for path in (*root.glob("var/cache/apt/archives/*.deb"), *root.glob("var/lib/apt/lists/*_*")):
            path.unlink()
        with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
            command = ["docker", "import", "--change", 'CMD ["bash"]', "-", tag]
            imported = subprocess.run(command, stdin=tar.stdout, capture_output=True, check=False)
        if tar.returncode or imported.returncode:
            raise RigError(f"Failed to import {tag}", imported.stderr.decode("utf-8", "replace"))
