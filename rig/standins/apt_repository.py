# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package repositories that stand in for vendors': built from descriptions, signed, served over HTTP.

``python3 -m rig.standins.apt_repository serve --descriptions DIR --root DIR --keys DIR --port 8080``
``python3 -m rig.standins.apt_repository sign --root DIR --keys DIR --repository NAME --key second``

In a description, ``repositories`` says how each is laid out; without suites it is flat, as NVIDIA's are::

    repositories:
      nvidia: {}
      habana: {suites: [jammy, noble], component: main}

Each has two keys of its own, of which the ``first`` signs until ``sign`` says otherwise: a vendor that rotates its key.
``<repository>/key.asc`` is the one that signs now.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import os
import subprocess
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from . import packages

KEYS = ("first", "second")
LAYOUTS = "repositories.json"  # in the root: what the descriptions say of each


def build(descriptions: Path, root: Path, keys: Path) -> None:
    """All repositories, signed with their first keys; ``keys`` is left with the public ones, ``NAME-KEY.asc``."""
    architecture = _run(["dpkg", "--print-architecture"]).strip()
    layouts = {}
    for path in sorted(descriptions.glob("*.yml")):
        repositories, described = packages.read(path, architecture)
        packages.build(described, root)
        layouts.update(repositories)
    root.joinpath(LAYOUTS).write_text(json.dumps(layouts), encoding="utf-8")
    for name, layout in layouts.items():
        _index(root / name, layout or {}, architecture)
        for key in KEYS:
            _ensure_key(keys, name, key)
        sign(root, keys, name, KEYS[0])


def sign(root: Path, keys: Path, repository: str, key: str) -> None:
    """Sign the indexes of the repository with this one of its keys."""
    for release in sorted((root / repository).rglob("Release")):
        signed = ["--yes", "--clearsign", "--output", str(release.with_name("InRelease")), str(release)]
        _gpg(keys / f"{repository}-{key}", *signed)
    public = keys.joinpath(f"{repository}-{key}.asc").read_text(encoding="utf-8")
    root.joinpath(repository, "key.asc").write_text(public, encoding="utf-8")


def _index(folder: Path, layout: dict[str, Any], architecture: str) -> None:
    listing = _run(["apt-ftparchive", "packages", "pool"], cwd=folder).encode()
    if "suites" not in layout:
        _write_index(folder, folder, listing)
        return
    for suite in layout["suites"]:
        place = folder / "dists" / suite
        options = {"Suite": suite, "Codename": suite, "Components": layout["component"], "Architectures": architecture}
        _write_index(place / layout["component"] / f"binary-{architecture}", place, listing, options)


def _write_index(place: Path, top: Path, listing: bytes, options: dict[str, str] | None = None) -> None:
    place.mkdir(parents=True, exist_ok=True)
    place.joinpath("Packages").write_bytes(listing)
    place.joinpath("Packages.gz").write_bytes(gzip.compress(listing, mtime=0))
    given = [f"--option=APT::FTPArchive::Release::{name}={value}" for name, value in (options or {}).items()]
    text = _run(["apt-ftparchive", *given, "release", "."], cwd=top)
    top.joinpath("Release").write_text(text, encoding="utf-8")


def _ensure_key(keys: Path, repository: str, key: str) -> None:
    home = keys / f"{repository}-{key}"
    if not home.exists():
        home.mkdir(mode=0o700)
        _gpg(
            home,
            "--passphrase",
            "",
            "--quick-generate-key",
            f"{repository} ({key} key of the rig)",
            "ed25519",
            "sign",
            "never",
        )
    keys.joinpath(f"{repository}-{key}.asc").write_text(_gpg(home, "--armor", "--export"), encoding="utf-8")


def _gpg(home: Path, *arguments: str) -> str:
    return _run(["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", *arguments])


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=cwd).stdout


def main() -> None:
    """Build and serve until killed, or sign what is served."""
    parser = argparse.ArgumentParser(description="Package repositories from descriptions.")
    parser.add_argument("action", choices=("serve", "sign"))
    parser.add_argument("--root", type=Path, required=True, help="holds the repositories")
    parser.add_argument("--keys", type=Path, required=True, help="holds their keys")
    parser.add_argument("--descriptions", type=Path, help="holds VENDOR.yml")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--repository")
    parser.add_argument("--key", choices=KEYS)
    options = parser.parse_args()
    os.umask(0o022)
    if options.action == "sign":
        sign(options.root, options.keys, options.repository, options.key)
        return
    build(options.descriptions, options.root, options.keys)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(options.root))
    ThreadingHTTPServer(("", options.port), handler).serve_forever()


if __name__ == "__main__":
    main()
