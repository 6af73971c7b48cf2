# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that an image is built from, downloaded by a Python of the image's own version."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .cache import cache
from .machine import ca_bundle, pip_config
from .shell import docker, making


def wheelhouse(name: str, requirements: Path, python_image: str) -> Path:
    """A folder with the pinned ``requirements`` of the image ``name``, as pip in ``python_image`` picks them."""
    fingerprint = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = cache() / "wheels" / f"{name}-{fingerprint}"
    if not folder.exists():
        with making(f"wheels for {name} downloaded"):
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            _download(requirements, partial, python_image)
            partial.rename(folder)
    return folder


def _download(requirements: Path, folder: Path, python_image: str) -> None:
    pip = pip_config()
    config = cache() / "pip.conf"
    config.touch(mode=0o600)
    config.write_text(pip.render(), encoding="utf-8")
    mounts = {str(ca_bundle()): "/ca.crt", str(config): "/etc/pip.conf", str(requirements): "/requirements.txt"}
    mounts |= {place: place for place in pip.folders}
    docker(
        "run",
        "--rm",
        "--network=host",
        "--env=PIP_CERT=/ca.crt",
        f"--volume={folder}:/wheels",
        *(f"--volume={source}:{target}:ro" for source, target in mounts.items()),
        python_image,
        "sh",
        "-c",
        "python3 -m venv /tmp/pip && /tmp/pip/bin/pip download --quiet --no-deps --only-binary :all:"
        " --dest /wheels --requirement /requirements.txt",
    )


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A URL on loopback where pip finds what lies in ``folder``."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass
