# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model that the tests move about, and what is to be seen of it afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from rig.standins.repositories import Repositories

WEIGHTS = [hashlib.shake_256(bytes([shard])).digest(1_000_003) for shard in range(3)]
WANTED = {
    "config.json": b'{"architectures": []}\n',
    "empty.txt": b"",
    "nested/tokenizer.json": b"{}",
    "nested/same.json": b"{}",
    "model-1.safetensors": WEIGHTS[0],
    "model-2.safetensors": WEIGHTS[1],
    "model-3.safetensors": WEIGHTS[2],
}
FILES = {**WANTED, "pytorch_model.bin": b"the same once more"}
LATER_FILES = {**FILES, "config.json": b"another"}
SIZE = sum(map(len, set(WANTED.values())))  # bytes, equal files once


def lay(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a repository at the hub."""
    for path, body in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(body)


def commit_of(files: Mapping[str, bytes]) -> str:
    """What the hub will say."""
    with TemporaryDirectory() as root:
        lay(Path(root) / "org" / "tiny", files)
        return Repositories(Path(root)).find("org/tiny").commit


def tree(folder: Path | str) -> dict[str, bytes]:
    """Every file of a folder by its path; a snapshot's files are links."""
    folder = Path(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


COMMIT, LATER = commit_of(FILES), commit_of(LATER_FILES)
TINY = Artifact("org/tiny", COMMIT, family="tiny", name="tiny")
GATED = replace(TINY, repo_id="org/gated")
BRANCH = replace(TINY, revision="main")
KEY = f"models/tiny/{COMMIT[:7]}/org--tiny.tar"
MODEL = {"repo_id": TINY.repo_id, "revision": COMMIT, "family": TINY.family}  # as the modules are given it
