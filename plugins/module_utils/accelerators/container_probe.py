# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container sees of the GPUs: nvidia-smi, asked in a container that has nothing but this host's C library.

Its image is made from the host's own files, so that it needs no registry.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import tempfile
from pathlib import Path

from ..docker.cli import docker
from ..errors import FleetError
from ..local_command import look

ATTEMPTED = "Failed to use the GPUs in a container"
QUESTION = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
SHELL = "/bin/sh"
# What nvidia-smi is linked with beside the C library itself; empty shells since glibc 2.34, but asked for by name.
BESIDE = ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1")
WAYS = {
    "cdi": ("--device=nvidia.com/gpu=all",),
    "runtime": (
        "--runtime=nvidia",
        "--env=NVIDIA_VISIBLE_DEVICES=all",
        "--env=NVIDIA_DRIVER_CAPABILITIES=utility",
    ),
}


def driver_in_container(way: str) -> str:
    """The driver's version, as nvidia-smi says it in a container that has all GPUs by CDI or by the runtime."""
    image = ensure_image()
    said = docker("run", "--rm", "--network=none", *WAYS[way], image, *QUESTION, attempted=ATTEMPTED, read_cause=cause)
    versions = sorted(set(said.split()))
    if len(versions) != 1 or not re.fullmatch(r"\d+(\.\d+)+", versions[0]):
        raise FleetError(ATTEMPTED, f"nvidia-smi says {' '.join(said.split())[:200] or 'nothing'}")
    return versions[0]


def cause(output: str) -> str:
    """The part of what Docker and nvidia-smi wrote that says why."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"CDI|NVML|NVIDIA|nvidia|runtime|mount", line)]
    return (telling or lines or ["it failed without a word"])[0]


def ensure_image() -> str:
    """The image's name; it is made where it is missing, afresh when the C library has changed."""
    files = needed(look("ldd", SHELL).output)
    digest = hashlib.sha256("".join(f"{path} {os.stat(path).st_mtime_ns}\n" for path in files).encode()).hexdigest()
    tag = f"inference.fleet/probe:{digest[:12]}"
    if look("docker", "image", "inspect", tag).status != 0:
        with tempfile.NamedTemporaryFile(suffix=".tar") as file:
            with tarfile.open(file.name, "w", dereference=True) as tar:
                for path in files:
                    tar.add(path, arcname=path.lstrip("/"))
            docker("import", file.name, tag, attempted="Failed to make an image of the host's C library")
    return tag


def needed(linked: str) -> list[str]:
    """The shell, the loader and the C library, from what ``ldd`` says that the shell is linked with."""
    libraries = re.findall(r"(/\S+) \(0x", linked)
    folders = {os.path.dirname(path) for path in libraries if "/libc.so" in path}
    beside = [f"{folder}/{name}" for folder in folders for name in BESIDE]
    return [SHELL, *libraries, *(path for path in beside if Path(path).exists())]
