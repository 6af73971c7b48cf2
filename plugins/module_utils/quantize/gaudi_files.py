# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether calibration for Gaudi left all that serving needs: its own word does not count, the files do.

In the folder of a model, which is called like it in lower case, lie `maxabs_{measure,quant}_GENERATION.json`, which
name an absolute `dump_stats_path`, and in GENERATION, for rank R of N, `inc_output_hooks_maxabs_R_N.json` with what was
measured and `inc_output_hooks_maxabs_MAXABS_HW_R_N.json` with scales, each also as `.npz`. Those hold pickles, so that
only their archive is looked at here.
"""

from __future__ import annotations

import json
import math
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FleetError
from ..fit.alike import LAYER

STATS = "inc_output"  # what the names of all files of measurements begin with
MODES = {"measure": "MEASURE", "quant": "QUANTIZE"}
STEP = "Nothing was put in place. Run it again; where that does not help, look at what the script says."


@dataclass(frozen=True)
class Ranks:
    """Files of ``count`` ranks. Those of ``listed`` ones also say which modules were to be measured."""

    count: int
    listed: bool

    def suffixes(self, rank: int) -> list[str]:
        """What the names of a rank's files may end with; that of a single one is known only to the library."""
        return [f"_{rank}_{self.count}", *([""] if self.count == 1 else [])]


def require_complete(
    folder: Path, place: str, name: str, generation: str, layers: int, ranks: Iterable[Ranks], attempted: str
) -> None:
    """All must be there, of all the model's ``layers`` and for all ``ranks``, measured ones first.

    ``folder`` is where ``place`` lies on this host. The model's folder gets its ``name`` and the configurations the
    path that they will be found under. Raises FleetError where something is missing, empty or not as it must be.
    """
    try:
        model = _model_folder(folder, name)
        _settle(model, f"{place}/{name}/{generation}/{STATS}", generation)
        stats = model / generation
        for left in stats.glob("backup_*"):
            shutil.rmtree(left)  # of a measurement that began anew
        modules: set[str] = set()
        for each in ranks:
            for rank in range(each.count):
                modules = _rank(stats, each, rank, layers, modules)
    except ValueError as error:
        raise FleetError(attempted, str(error), STEP) from error
    except OSError as error:
        cause = f"{error.filename}: {error.strerror or error}"
        raise FleetError(attempted, cause, STEP) from error


def _model_folder(folder: Path, name: str) -> Path:
    """The folder of the model, under its lower-case name whatever the script called it."""
    found = [path for path in folder.iterdir() if path.is_dir() and path.name.lower() == name]
    if not found:
        raise ValueError(f"the script left no folder {name}")
    return found[0].rename(folder / name)


def _settle(model: Path, stats: str, generation: str) -> None:
    observers = set()
    for kind, mode in MODES.items():
        path = model / f"maxabs_{kind}_{generation}.json"
        config = _json(path)
        if config.get("mode") != mode:
            raise ValueError(f"{path.name} says mode {config.get('mode')}, not {mode}")
        observers.add(config.get("observer"))
        if config.get("dump_stats_path") != stats:
            path.write_text(json.dumps({**config, "dump_stats_path": stats}) + "\n", encoding="utf-8")
    if observers != {"maxabs"}:
        told = " and ".join(sorted(str(observer) for observer in observers))
        raise ValueError(f"the configurations are of observer {told}, not maxabs")


def _rank(stats: Path, ranks: Ranks, rank: int, layers: int, expected: set[str]) -> set[str]:
    """The modules that it must have, and has: those ``expected`` of ranks before it, and what it was to measure."""
    suffix = next((each for each in ranks.suffixes(rank) if _measured(stats, each).exists()), ranks.suffixes(rank)[0])
    told = f"rank {rank} of {ranks.count}"
    measured, scales = _measured(stats, suffix), stats / f"{STATS}_hooks_maxabs_MAXABS_HW{suffix}.json"
    listed = _json(stats / f"{STATS}_hooks_maxabs{suffix}_mod_list.json", told) if ranks.listed else []
    found = {measured: _nodes(measured, "DynamicRange", told), scales: _nodes(scales, "Scale", told)}
    wanted = expected | _to_measure(listed, found[measured])
    for path, nodes in found.items():
        absent = set(range(layers)) - {int(layer[1]) for module in nodes if (layer := LAYER.search(module))}
        if absent:
            numbers = ", ".join(str(layer) for layer in sorted(absent))
            raise ValueError(f"{path.name}, of {told}, has nothing of layer {numbers}")
        unmeasured = wanted - nodes.keys()
        if unmeasured:
            raise ValueError(f"{path.name}, of {told}, has nothing of {min(unmeasured)}")
    return wanted


def _measured(stats: Path, suffix: str) -> Path:
    return stats / f"{STATS}_hooks_maxabs{suffix}.json"


def _nodes(path: Path, mode: str, told: str) -> dict[str, Any]:
    """What the file and its archive hold, by module."""
    content = _json(path, told)
    nodes = content.get("Nodes")
    if content.get("Mode") != mode or not isinstance(nodes, dict) or not nodes:
        raise ValueError(f"{path.name}, of {told}, holds no {mode} of any module")
    for module, values in nodes.items():
        _require_numbers(module, values, path, told)
    _require_archive(path.with_suffix(".npz"), told)
    return nodes


def _to_measure(listed: Iterable[str], measured: dict[str, Any]) -> set[str]:
    """Those of the ``listed`` modules that are to have measurements.

    The library also lists what questions do not run through, and leaves it out: operations of attention that a fused
    one takes the place of, what holds the experts, a tower for images. But where a module with weights was measured in
    one layer, it was to be in all.
    """
    weighed = {_of_any_layer(module) for module, values in measured.items() if values.get("params")}
    return {module for module in listed if module in measured or _of_any_layer(module) in weighed}


def _of_any_layer(module: str) -> str:
    return LAYER.sub(".", module)


def _require_numbers(module: str, values: Any, path: Path, told: str) -> None:
    inputs = values.get("inputs") if isinstance(values, dict) else None
    if not inputs:
        raise ValueError(f"{path.name}, of {told}, has nothing of the inputs of {module}")
    for number in _numbers(values):
        if not (math.isfinite(number) and number >= 0):
            raise ValueError(f"{path.name}, of {told}, says {number} of {module}")


def _numbers(values: Any) -> Iterator[float]:
    """All of them, however deep they are nested."""
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list):
        for value in values:
            yield from _numbers(value)
    elif isinstance(values, (int, float)):
        yield float(values)


def _require_archive(path: Path, told: str) -> None:
    if not path.exists():
        raise ValueError(f"{told} has no {path.name}")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip() or not any(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile:
        damaged = True
    if damaged:
        raise ValueError(f"{path.name}, of {told}, is empty or damaged")


def _json(path: Path, told: str = "the script") -> Any:
    if not path.exists():
        raise ValueError(f"{told} left no {path.name}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}, of {told}, is empty or no JSON") from error
