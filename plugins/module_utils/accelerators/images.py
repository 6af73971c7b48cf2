# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which CUDA the images on this host have."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..local_command import look
from .cuda import cuda_in


def cuda_of(images: Iterable[str]) -> dict[str, str]:
    """The CUDA release of each of ``images`` that is here and says which it has."""
    found = {image: cuda_in(_environment(image)) for image in dict.fromkeys(images)}
    return {image: cuda for image, cuda in found.items() if cuda}


def _environment(image: str) -> list[str]:
    outcome = look("docker", "image", "inspect", "--format", "{{json .Config.Env}}", image)
    return json.loads(outcome.output) or [] if outcome.status == 0 else []
