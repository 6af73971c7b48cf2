# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""numpy, which only quantization needs, and only on the machine that quantizes."""

from __future__ import annotations

from typing import Any

from ..errors import FleetError


def _import_numpy() -> Any:
    try:
        import numpy
    except ImportError:
        return None
    return numpy


np = _import_numpy()


def require_numpy() -> None:
    """FleetError where it is not there."""
    if np is None:
        step = "Install numpy for it (python3-numpy of the distribution)."
        raise FleetError("Failed to quantize", "this Python has no numpy", step)
