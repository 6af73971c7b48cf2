# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a repository belong to a model: one format of its weights, and everything that is none."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..errors import FleetError
from .artifact import Artifact

WEIGHTS = {
    "safetensors": ("*.safetensors", "*.safetensors.index.json"),
    "bin": ("*.bin", "*.bin.index.json"),
    "pt": ("*.pt", "*.pth"),
    "gguf": ("*.gguf",),
}
OTHER_WEIGHTS = ("*.h5", "*.msgpack", "*.onnx", "*.onnx_data", "*.ot", "*.tflite", "*.ckpt")


def select(paths: Iterable[str], artifact: Artifact) -> list[str]:
    """The ``paths`` that ``artifact`` consists of, sorted.

    Where no format is asked for: safetensors if there are any, else bin, pt, gguf. ``include`` adds, ``exclude``
    has the last word.
    """
    paths = sorted(paths)
    present = [name for name, patterns in WEIGHTS.items() if any(_matches(path, patterns) for path in paths)]
    absent = [name for name in artifact.formats if name not in present]
    if absent:
        raise FleetError(
            f"Failed to select the files of {artifact.label}",
            f"it has no {', '.join(absent)} files but {', '.join(present) or 'no weights at all'}",
            "Correct formats of the model in the description.",
        )
    wanted = artifact.formats or tuple(present[:1])
    unwanted = [pattern for name, patterns in WEIGHTS.items() if name not in wanted for pattern in patterns]
    unwanted += OTHER_WEIGHTS
    return [
        path
        for path in paths
        if (_matches(path, artifact.include) or not _matches(path, unwanted)) and not _matches(path, artifact.exclude)
    ]


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
