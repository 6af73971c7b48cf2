# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest beside a model's tar: what is in it, where, and what its bytes must hash to.

It is written last, so a tar without one is half an upload, and it lets a host read single files out of the tar.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..errors import FleetError
from .artifact import COMMIT
from .transfer.compression import SUFFIX

FORMAT = 1
BLOB = re.compile(r"[0-9a-f]{40}|(?:[a-z0-9_]+-)?[0-9a-f]{64}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    """One file of the snapshot. Files of equal content share a blob, and with it size, sha256 and offset."""

    path: str  # in the repository
    # Its name in the cache: sha256 of an LFS file, git's blob id of any other; derived_blob() of what is made here.
    blob: str
    size: int  # bytes
    sha256: str
    offset: int  # of its first byte in the tar


@dataclass(frozen=True)
class Manifest:
    repo_id: str
    commit: str
    selection: Mapping[str, Any]
    tar_size: int
    files: tuple[File, ...]
    tool: str = ""  # what wrote it
    compression: str = "none"
    frame_size: int = 0  # bytes of the tar in each frame but the last; 0 where it is not compressed
    frames: tuple[int, ...] = ()  # bytes of each frame as it is stored, one after the other
    quantization: Mapping[str, Any] = field(default_factory=dict)  # what was made of which source how, with the proof

    @property
    def stored_size(self) -> int:
        """Bytes of the object in the store."""
        return sum(self.frames) if self.frames else self.tar_size

    @property
    def blobs(self) -> dict[str, File]:
        """Each blob once, in the order of the tar."""
        return {file.blob: file for file in sorted(self.files, key=lambda file: file.offset)}

    @property
    def size(self) -> int:
        """Bytes that the model takes in a cache."""
        return sum(file.size for file in self.blobs.values())

    def as_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self), "files": [asdict(file) for file in self.files]}

    def dumps(self) -> str:
        return json.dumps(self.as_dict(), indent=1, sort_keys=True) + "\n"


def derived_blob(scheme: str, made_from: str) -> str:
    """A name for what ``scheme`` makes of ``made_from``, known before it is made. It says nothing of the content."""
    return f"{scheme}-{hashlib.sha256(made_from.encode()).hexdigest()}"


def is_derived(blob: str) -> bool:
    return "-" in blob


def parse_manifest(body: Any, source: str) -> Manifest:
    """The manifest in the decoded ``body``; FleetError where ``source`` holds something else or something dangerous."""
    attempted = f"Failed to read the manifest {source}"
    try:
        if body["format"] != FORMAT:
            raise FleetError(attempted, f"its format is {body['format']}, not {FORMAT}", "Update inference.fleet.")
        manifest = Manifest(
            repo_id=str(body["repo_id"]),
            commit=str(body["commit"]),
            selection=dict(body["selection"]),
            tar_size=int(body["tar_size"]),
            files=tuple(
                File(str(f["path"]), str(f["blob"]), int(f["size"]), str(f["sha256"]), int(f["offset"]))
                for f in body["files"]
            ),
            tool=str(body.get("tool", "")),
            compression=str(body["compression"]),
            frame_size=int(body["frame_size"]),
            frames=tuple(int(size) for size in body["frames"]),
            quantization=dict(body.get("quantization") or {}),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FleetError(attempted, "it is not a manifest", "Publish the model again.") from error
    problem = next((problem for file in manifest.files if (problem := _problem(file, manifest.tar_size))), "")
    problem = problem or _frames_problem(manifest)
    if not COMMIT.fullmatch(manifest.commit):
        problem = f"{manifest.commit!r} is not a commit"
    if problem:
        raise FleetError(attempted, problem, "Somebody tampered with the store: publish the model again.")
    return manifest


def _problem(file: File, tar_size: int) -> str:
    parts = file.path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in file.path:
        return f"the file name {file.path!r} leads out of the snapshot"
    if not BLOB.fullmatch(file.blob) or not SHA256.fullmatch(file.sha256):
        return f"{file.path} has no valid hash"
    if file.size < 0 or file.offset < 0 or file.offset + file.size > tar_size:
        return f"{file.path} lies outside the tar"
    return ""


def _frames_problem(manifest: Manifest) -> str:
    if manifest.compression not in SUFFIX:
        return f"its compression {manifest.compression!r} is unknown"
    compressed = manifest.compression != "none"
    wanted = -(-manifest.tar_size // manifest.frame_size) if compressed and manifest.frame_size > 0 else 0
    if len(manifest.frames) != wanted or compressed != bool(wanted) or any(size <= 0 for size in manifest.frames):
        return "its frames are not those of its tar"
    return ""
