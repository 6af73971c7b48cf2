# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A quantized model as content to publish, made of its source as it is read: neither lies on a disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..artifacts.artifact import Artifact
from ..artifacts.content import Content
from ..artifacts.layout import RemoteFile
from ..errors import FleetError
from .arrays import np, require_numpy
from .model import GENERATION, QuantizedModel
from .schemes import OWN


def quantized(artifact: Artifact, commit: str, source: Content) -> Content:
    """What ``artifact`` is at ``commit``, made of ``source``."""
    if artifact.quantization != OWN:
        cause = f"{artifact.quantization} cannot be made on the way"
        step = "Make it in a cache first: playbooks/quantize.yml."
        raise FleetError(f"Failed to publish {artifact.label}", cause, step)
    require_numpy()
    model = QuantizedModel(source.files, source.reader(None), artifact.label)

    def conclude(sha256: Mapping[str, str]) -> Mapping[str, Any]:
        tools = {"inference.fleet": f"generation {GENERATION}", "numpy": np.__version__}
        return record(artifact, commit, source.files, model.ignored, tools, model.prove(sha256).as_dict())

    return Content(model.files, model.reader, conclude, model.sources, model.copies)


def record(
    artifact: Artifact,
    commit: str,
    source: Iterable[RemoteFile],
    ignored: Sequence[str],
    tools: Mapping[str, str],
    proof: Mapping[str, Any],
) -> dict[str, Any]:
    """What a manifest says of how ``artifact`` was made of the files ``source``, and of how well that went."""
    return {
        "scheme": artifact.quantization,
        "source": {
            "repo_id": artifact.hub_id,
            "commit": commit,
            "files": {file.path: file.blob for file in source},
        },
        "ignored": list(ignored),
        "tools": dict(tools),
        "proof": dict(proof),
    }
