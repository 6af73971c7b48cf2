# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model's configuration and the headers of its weights are read: a folder, a cache, the store or the hub.

Nothing else of it is read, so that this can be asked before the model is downloaded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..artifacts.artifact import Artifact
from ..artifacts.cache_layout import ModelFolder
from ..artifacts.checkpoint import read_headers
from ..artifacts.hub import Hub
from ..artifacts.layout import ReadFile, RemoteFile
from ..artifacts.manifest import Manifest
from ..artifacts.selection import select
from ..artifacts.stores.base import Store
from ..artifacts.transfer.http import Client, HttpError, UnreachableError
from ..artifacts.transfer.partial_file import read_into
from ..errors import FleetError
from ..quantize.model import QuantizedModel
from ..quantize.schemes import LIKE_OWN
from ..safetensors import Tensor
from .alike import Alike, alike
from .model_config import ModelConfig, read_config

CONFIG = "config.json"
ADDRESS_SECONDS = 600  # that an address of the store is good for


@dataclass(frozen=True)
class Description:
    """A model as far as its memory depends on it."""

    config: ModelConfig
    tensors: tuple[Tensor, ...]

    @cached_property
    def kinds(self) -> tuple[Alike, ...]:
        """The tensors, those together that are alike."""
        return alike(self.tensors)


@dataclass(frozen=True)
class Sources:
    """Where to look, in this order; what is None is not asked."""

    cache: Path | None = None
    store: Store | None = None
    hub: Hub | None = None


def describe(artifact: Artifact, sources: Sources) -> Description:
    """The model ``artifact``, from the first place that has it."""
    if sources.cache:
        folder = ModelFolder(sources.cache, artifact)
        snapshot = folder.snapshot(folder.commit())
        if folder.commit() and (snapshot / CONFIG).exists():
            return describe_folder(snapshot, artifact.label)
    if sources.store:
        try:
            manifest = _published(artifact, sources.store)
        except FleetError:
            if not sources.hub:
                raise
            manifest = None  # a controller may have no way to it, or no keys
        if manifest:
            return _describe(_files(manifest), _reader(sources.store, artifact, manifest), artifact.label)
    if sources.hub:
        commit = sources.hub.resolve(artifact)
        listed = sources.hub.revision(artifact, commit).files
        chosen = set(select((file.path for file in listed), artifact))
        files = [file for file in listed if file.path in chosen]
        read = sources.hub.reader(artifact, commit)
        if artifact.quantization and not artifact.calibration:  # calibration leaves the weights as they are
            if artifact.quantization not in LIKE_OWN:
                cause = f"what {artifact.quantization} makes of it is known once it is made"
                raise FleetError(f"Failed to predict {artifact.label}", cause, "Ask again when the store has it.")
            model = QuantizedModel(files, read, artifact.label)
            files, read = model.files, model.reader()
        return _describe(files, read, artifact.label)
    raise FleetError(
        f"Failed to find {artifact.label}", "it is in none of the places that were named", "Name hub_url or cache_dir."
    )


def describe_folder(folder: Path, label: str) -> Description:
    """The model whose files lie in ``folder``."""
    try:
        files = [
            RemoteFile(path.name, "", path.stat().st_size) for path in sorted(folder.iterdir()) if not path.is_dir()
        ]
    except OSError as error:
        raise FleetError(
            f"Failed to read {folder}", error.strerror or str(error), "Name the folder that holds config.json."
        ) from error
    return _describe(files, _local(folder), label)


def _local(folder: Path) -> ReadFile:
    def read(file: RemoteFile, start: int, view: memoryview) -> None:
        descriptor = os.open(folder / file.path, os.O_RDONLY)
        try:
            read_into(descriptor, start, view)
        finally:
            os.close(descriptor)

    return read


def _describe(files: Iterable[RemoteFile], read: ReadFile, label: str) -> Description:
    files = list(files)
    config = next((file for file in files if file.path == CONFIG), None)
    if config is None:
        raise FleetError(f"Failed to read {label}", f"it has no {CONFIG}", "Is this a model that vLLM can serve?")
    content = bytearray(config.size)
    read(config, 0, memoryview(content))
    try:
        raw = json.loads(content)
    except ValueError as error:
        raise FleetError(f"Failed to read {CONFIG} of {label}", f"it is not JSON ({error})", "Repair it.") from error
    headers = read_headers(files, read, label).values()
    return Description(read_config(raw, label), tuple(tensor for header in headers for tensor in header.tensors))


def _published(artifact: Artifact, store: Store) -> Manifest | None:
    """The manifest, if the tar can be read in pieces."""
    commit = store.commit_of(artifact)
    manifest = store.published(artifact, commit) if commit else None
    return manifest if manifest and manifest.compression == "none" else None


def _files(manifest: Manifest) -> list[RemoteFile]:
    return [RemoteFile(file.path, file.blob, file.size) for file in manifest.files]


def _reader(store: Store, artifact: Artifact, manifest: Manifest) -> ReadFile:
    """Reads files where they lie in the tar."""
    key = store.key(artifact, manifest.commit)
    offsets = {file.path: file.offset for file in manifest.files}
    address = store.address(key, ADDRESS_SECONDS)
    where = urlsplit(address)
    client = Client(store.settings.ca)

    def read(file: RemoteFile, start: int, view: memoryview) -> None:
        begin = offsets[file.path] + start
        if where.scheme == "file":
            _local(Path(unquote(where.path)).parent)(RemoteFile(Path(unquote(where.path)).name, "", 0), begin, view)
            return
        try:
            client.read_into(address, begin, view)
        except (HttpError, UnreachableError) as error:
            raise FleetError(
                f"Failed to read {artifact.label} from {store.url(key)}", str(error), "Can the store be reached?"
            ) from error

    return read
