# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shape of a device, whatever its vendor."""

from __future__ import annotations

from typing import Any

DEVICE: dict[str, Any] = {
    "index": None,
    "uuid": None,
    "name": None,
    "memory_mib": None,
    "memory_used_mib": None,
    "unified_memory": False,
    "bus_id": None,
    "module_id": None,
    "compute_capability": None,
    "numa_node": None,
    "links": None,
    "mig": None,
    "ecc_errors": None,
    "temperature_c": None,
}


def device(**known: Any) -> dict[str, Any]:
    """A device of which only what is ``known`` is not None."""
    return {**DEVICE, "processes": [], **known}
