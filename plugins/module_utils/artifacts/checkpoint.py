# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model's safetensors files say that they hold, before anything else of them is read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from ..errors import FleetError
from ..safetensors import INDEX, SUFFIX, Header, read_header
from .layout import ReadFile, RemoteFile

AT_A_TIME = 8  # files


def read_headers(files: Iterable[RemoteFile], read: ReadFile, label: str) -> dict[str, Header]:
    """The header of each safetensors file of the model ``label``, by path; FleetError where there are none.

    Where there is an index, only what it names counts, as for vLLM: Mistral's repositories have all weights a second
    time, in consolidated.safetensors.
    """
    by_path = {file.path: file for file in files}
    cause, holding = "it has no safetensors files", [file for path, file in by_path.items() if path.endswith(SUFFIX)]
    if holding and INDEX in by_path:
        listed = _listed(by_path[INDEX], read, label)
        cause, holding = f"{INDEX} names none of its files", [file for file in holding if file.path in listed]
    if not holding:
        raise FleetError(f"Failed to read the tensors of {label}", cause, "Choose a revision that has them.")
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        headers = pool.map(lambda file: _header(file, read, label), holding)
        return dict(zip([file.path for file in holding], headers))


def _listed(index: RemoteFile, read: ReadFile, label: str) -> set[str]:
    """The paths that it names."""
    content = bytearray(index.size)
    read(index, 0, memoryview(content))
    try:
        return set(json.loads(content)["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        attempted = f"Failed to read {index.path} of {label}"
        raise FleetError(attempted, f"it does not say where tensors are ({error})", "Is the file whole?") from error


def _header(file: RemoteFile, read: ReadFile, label: str) -> Header:
    try:
        return read_header(lambda start, view: read(file, start, view), file.size)
    except ValueError as error:
        attempted = f"Failed to read the header of {file.path} of {label}"
        raise FleetError(attempted, f"it is no safetensors header ({error})", "Is the file whole?") from error
