# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model's safetensors files say that they hold, before anything else of them is read."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from ..errors import FleetError
from ..safetensors import SUFFIX, Header, read_header
from .layout import ReadFile, RemoteFile

AT_A_TIME = 8  # files


def read_headers(files: Iterable[RemoteFile], read: ReadFile, label: str) -> dict[str, Header]:
    """The header of each safetensors file of the model ``label``, by path; FleetError where there are none."""
    holding = [file for file in files if file.path.endswith(SUFFIX)]
    if not holding:
        raise FleetError(
            f"Failed to read the tensors of {label}", "it has no safetensors files", "Choose a revision that has them."
        )
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        headers = pool.map(lambda file: _header(file, read, label), holding)
        return dict(zip([file.path for file in holding], headers))


def _header(file: RemoteFile, read: ReadFile, label: str) -> Header:
    try:
        return read_header(lambda start, view: read(file, start, view), file.size)
    except ValueError as error:
        attempted = f"Failed to read the header of {file.path} of {label}"
        raise FleetError(attempted, f"it is no safetensors header ({error})", "Is the file whole?") from error
