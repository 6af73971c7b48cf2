# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a quantized model differs from its source, from the files of both."""

from __future__ import annotations

from pathlib import Path

from ..errors import FleetError
from ..safetensors import Tensor
from . import e4m3
from .arrays import np
from .decode import PACKED, SCALE, WEIGHT, Layer
from .floats import SMALLEST_PRECISE, widen
from .oneshot import is_needed, is_tied
from .proof import STEP
from .rows import Evidence, sum_of_squares
from .stored import StoredTensors

ELEMENTS = 1024 * 1024  # at a time


def likeness(source: Path, target: Path) -> dict[str, Evidence]:
    """Evidence of each weight that is quantized in ``target``, by the source's names.

    A peak is that of an area that shares a scale. FleetError where a tensor is missing, or another than the source's
    although it is not quantized, or where a scale is not a positive number.
    """
    tied = is_tied(source)
    with StoredTensors(source) as before, StoredTensors(target) as after:
        return {
            name: found
            for name, tensor in before.tensors.items()
            if (name in after.tensors or is_needed(name, tied))
            and (found := _compare(tensor, before, after, f"Failed to prove {target}")) is not None
        }


def _compare(tensor: Tensor, before: StoredTensors, after: StoredTensors, attempted: str) -> Evidence | None:
    name = tensor.name
    module = name[: -len(WEIGHT)] if name.endswith(f".{WEIGHT}") else ""
    if module and module + SCALE in after.tensors:
        try:
            return _evidence(tensor, before, _layer(module, after))
        except ValueError as error:
            raise FleetError(attempted, f"{name}: {error}", STEP) from error
    kept = after.tensors.get(name)
    if kept and (kept.dtype, kept.shape) == (tensor.dtype, tensor.shape) and _same(tensor, before, after):
        return None
    raise FleetError(attempted, f"{name} is {'not as in its source' if kept else 'missing'}", STEP)


def _layer(module: str, after: StoredTensors) -> Layer:
    names = [part for part in (WEIGHT, PACKED, SCALE) if module + part in after.tensors]
    tensors = {part: after.tensors[module + part] for part in names}
    return Layer(tensors, lambda part, first, last: after.rows(module + part, first, last))


def _evidence(tensor: Tensor, before: StoredTensors, layer: Layer) -> Evidence:
    if layer.shape != tensor.shape:
        raise ValueError(f"it has the shape {layer.shape}, its source {tensor.shape}")
    if not (np.isfinite(layer.scales).all() and (layer.scales > 0).all()):
        raise ValueError("not all of its scales are positive numbers")
    signal = noise = 0.0
    peaks, sizes = np.zeros_like(layer.scales), np.zeros_like(layer.scales)
    for first, last in _runs(tensor):
        weights = np.empty((last - first) * tensor.shape[1], np.float32)
        widen(before.rows(tensor.name, first, last), tensor.dtype, weights)
        weights = weights.reshape(last - first, -1)
        values = layer.values(first, last)
        for found, magnitudes in ((peaks, np.abs(values)), (sizes, np.abs(weights))):
            areas, largest = layer.largest(magnitudes, first)
            np.maximum(found[areas], largest, out=found[areas])
        values *= layer.spread(layer.scales, first, last)
        signal += sum_of_squares(weights)
        noise += sum_of_squares(values - weights)
    # Of smaller areas the largest code says nothing, for their scales are rounded too far. (Those of int8 are larger.)
    filled = sizes / e4m3.MAX >= SMALLEST_PRECISE[layer.scale_dtype]
    return Evidence(tensor.shape[0], signal, noise, float(peaks[filled].min()) if filled.any() else np.inf)


def _same(tensor: Tensor, before: StoredTensors, after: StoredTensors) -> bool:
    runs = _runs(tensor) if tensor.shape else [(0, 1)]
    return all(
        np.array_equal(before.rows(tensor.name, first, last), after.rows(tensor.name, first, last))
        for first, last in runs
    )


def _runs(tensor: Tensor) -> list[tuple[int, int]]:
    rows = tensor.shape[0]
    height = max(1, ELEMENTS * rows // max(1, tensor.elements))
    return [(first, min(first + height, rows)) for first in range(0, rows, height)]
