# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of a rig: pulled where public registries can be reached, otherwise built here from Debian and wheels."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from .cache import locked
from .debian import debian_image, machine_fingerprint
from .public import pull
from .shell import attempt, docker, exists, making
from .wheelhouse import served, wheelhouse

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Image:
    """One image: its folder in images/, and the public image that it stands for."""

    folder: str
    debian: str  # the release that it is built on
    public: str = ""

    @property
    def context(self) -> Path:
        """Where its Dockerfile lies."""
        return HERE / "images" / self.folder

    @property
    def files(self) -> list[Path]:
        """All that it is built from."""
        return sorted(path for path in self.context.iterdir() if path.is_file())

    @property
    def tag(self) -> str:
        """Its local name, by content: the same tag is the same image."""
        digest = hashlib.sha256(f"{self} {machine_fingerprint()}".encode())
        for path in self.files:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return f"inference.fleet/{self.folder}:{digest.hexdigest()[:12]}"


IMAGES = {
    "vllm": Image("vllm-cpu", "12", public="vllm/vllm-openai-cpu:v0.32.0"),
    "litellm": Image("litellm", "12", public="litellm/litellm:v1.109.1"),
    "llmcompressor": Image("llmcompressor", "12"),
    "haproxy": Image("haproxy", "13", public="haproxy:3.0"),
    "registry": Image("registry", "13"),
    "standins": Image("standins", "13"),
    "apt": Image("apt", "13"),
    "host": Image("host", "13"),
}


def ensure_image(name: str) -> str:
    """The local tag of the image ``name``, which exists."""
    image = IMAGES[name]
    if not exists("image", image.tag):
        with locked(f"image-{name}"):
            if not exists("image", image.tag):
                _make(name, image)
                _forget_older(image)
    return image.tag


def _make(name: str, image: Image) -> None:
    if image.public and pull(image.public, image.tag):
        return
    base = debian_image(image.debian)
    requirements = image.context / "requirements.txt"
    if not requirements.exists():
        with making(f"{name} image built"):
            _build(image, image.tag, BASE=base)
        return
    python = f"{image.tag}-python"
    with making(f"Python for the {name} image installed"):
        _build(image, python, "--target=python", BASE=base)
    wheels = wheelhouse(image.folder, requirements, python)
    with making(f"{name} image built"), served(wheels) as url:
        _build(image, image.tag, BASE=base, WHEELS=url)
    docker("image", "rm", python)


def _forget_older(image: Image) -> None:
    """What it replaces is kept by nothing but what still runs it."""
    for tag in docker("images", "--format={{.Repository}}:{{.Tag}}", f"inference.fleet/{image.folder}").split():
        if tag != image.tag:
            attempt(["docker", "image", "rm", tag])


def _build(image: Image, tag: str, *options: str, **arguments: str) -> None:
    given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    fixed = ("--quiet", "--force-rm", "--network=host", f"--tag={tag}")
    docker("build", *fixed, *options, *given, "-", stdin=_context(image))


def _context(image: Image) -> bytes:
    """A tar of all its files, whose owners and times do not matter to the build."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in image.files:
            tar.add(path, arcname=path.name)
    return buffer.getvalue()
