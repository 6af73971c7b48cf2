# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store that models are published to. Runs on the publisher only: nobody else holds its credentials."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from ..artifact import Artifact, manifest_key
from ..manifest import Manifest, parse_manifest
from ..transfer.compression import SUFFIX


@dataclass(frozen=True)
class Settings:
    bucket: str
    endpoint: str = ""  # empty: AWS; file:///path: a folder that the publisher and all hosts mount there
    access_key: str = ""  # empty: what boto3 finds on the publisher
    secret_key: str = ""
    region: str = ""
    ca: str = ""  # certificates in PEM form that are trusted beside the publisher's own
    addressing: str = ""  # path, virtual; empty: as boto3 finds best
    sse: str = ""  # server-side encryption: AES256, aws:kms, aws:kms:dsse; empty: the bucket's
    sse_kms_key_id: str = ""
    compression: str = "none"  # of what is written; zstd, gzip

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        return cls(**{key: value for key, value in options.items() if value is not None})


def upload_note(key: str) -> str:
    """The object that remembers an upload to ``key`` which is not complete."""
    return f"{key}.upload.json"


class GoneError(Exception):
    """The upload is not there any more: somebody else has completed or aborted it."""


class Upload(ABC):
    """An object on its way into the store, in parts, that any later run can take up."""

    sizes: dict[int, int]  # of the parts that the store has, by their number from 1

    @abstractmethod
    def put(self, number: int, content: memoryview) -> None:
        """Send a part; GoneError where the upload is no more."""

    @abstractmethod
    def complete(self) -> None:
        """Make the object appear, from all parts; GoneError where the upload is no more."""

    @abstractmethod
    def abort(self) -> None:
        """Forget all parts: nothing is taken up again."""


class CompletedUpload(Upload):
    """One that a run has completed which was killed before it came any further."""

    def __init__(self, size: int, part: int) -> None:
        self.sizes = {number + 1: min(part, size - start) for number, start in enumerate(range(0, size, part))}

    def put(self, number: int, content: memoryview) -> None:
        """Never called: all parts are there."""

    def complete(self) -> None:
        """It is."""

    def abort(self) -> None:
        """Nothing is left of it but the object."""


class Store(ABC):
    """What the store knows of models, over the few things that differ between stores."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def key(self, artifact: Artifact, commit: str) -> str:
        """Where the artifact's tar lies."""
        return artifact.key(commit, SUFFIX[self.settings.compression])

    def published(self, artifact: Artifact, commit: str) -> Manifest | None:
        """The artifact's manifest; None where it is not there, not whole, or another selection or for other devices."""
        key = self.key(artifact, commit)
        body = self._read_json(manifest_key(key))
        if body is None:
            return None
        manifest = parse_manifest(body, self.url(manifest_key(key)))
        if manifest.commit != commit or manifest.selection != artifact.selection:
            return None
        if artifact.calibration and artifact.calibration.misfit(manifest.quantization, commit):
            return None
        return manifest if self.size(key) == manifest.stored_size else None

    def is_begun(self, artifact: Artifact, commit: str) -> bool:
        """Whether something of the artifact is in the store, be it complete or not."""
        key = self.key(artifact, commit)
        return self.size(key) is not None or self.read(upload_note(key)) is not None

    def commit_of(self, artifact: Artifact) -> str | None:
        """The commit that a branch or tag was last published at."""
        if artifact.pinned:
            return artifact.revision
        body = self._read_json(artifact.ref_key())
        return str(body["commit"]) if isinstance(body, dict) and "commit" in body else None

    def put_manifest(self, key: str, manifest: Manifest) -> None:
        self.write(manifest_key(key), manifest.dumps().encode())

    def put_ref(self, artifact: Artifact, commit: str) -> None:
        self.write(artifact.ref_key(), (json.dumps({"repo_id": artifact.repo_id, "commit": commit}) + "\n").encode())

    @abstractmethod
    def explained(self, verb: str, key: str) -> AbstractContextManager[None]:
        """Turns what goes wrong inside into a FleetError: failed to ``verb`` ``key``."""

    @abstractmethod
    def url(self, key: str) -> str:
        """How messages name an object."""

    @abstractmethod
    def address(self, key: str, seconds: int) -> str:
        """Where a host without credentials reads ``key``, for that long."""

    @abstractmethod
    def size(self, key: str) -> int | None:
        """Bytes of an object; None where there is none."""

    @abstractmethod
    def holds(self, key: str, identity: str) -> bool:
        """Whether the object is of the upload of this ``identity``."""

    @abstractmethod
    def read(self, key: str) -> bytes | None:
        """A small object; None where there is none."""

    @abstractmethod
    def write(self, key: str, body: bytes) -> None:
        """Write a small object, at once."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; there may be none."""

    @abstractmethod
    def upload(self, key: str, identity: str, size: int, part: int) -> Upload:
        """The upload of ``size`` bytes in parts of ``part`` bytes; one of the same ``identity`` is taken up.

        Where that one was completed, but nothing came after, all parts are there and there is nothing to complete.
        """

    def _read_json(self, key: str) -> Any:
        body = self.read(key)
        if body is None:
            return None
        try:
            return json.loads(body)
        except ValueError:
            return {}
