# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments of images that are on this host."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..local_command import look


def environments(images: Iterable[str]) -> dict[str, list[str]]:
    """``NAME=value`` lines by image, of those that are here."""
    found = {}
    for image in dict.fromkeys(images):
        outcome = look("docker", "image", "inspect", "--format", "{{json .Config.Env}}", image)
        if outcome.status == 0:
            found[image] = json.loads(outcome.output) or []
    return found
