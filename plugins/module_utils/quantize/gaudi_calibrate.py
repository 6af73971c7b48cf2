# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in the container that calibrates for Gaudi: one request on standard input, one answer on standard output.

It imports nothing of the collection, for its source is all that the container is given. The request has ``script`` (the
path of calibrate_model.sh), ``digest`` (what its folder must hash to, or nothing), ``source`` (the model's folder),
``name`` (what the model is called), ``place`` (the folder to write to), ``generation`` (that the devices must be of),
``rows`` (questions) or ``data`` (a table of them), ``batch``, ``samples``, ``parallel``, ``unify`` (ranks, 0: not) and
``experts`` (whether they are parallel). The answer has ``versions`` by tool, or ``cause`` and ``next_step``. What the
script has to say goes to standard error.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from importlib import metadata
from pathlib import Path
from typing import Any

COLUMNS = ("system_prompt", "question")
DETECT = "step-0-detect-device.py"
PACKAGES = ("vllm", "vllm-gaudi", "neural-compressor-pt", "habana-torch-plugin")
SILENT = "Error: invalid measurement paths"  # after which the script goes on, and ends well
KEPT = 200  # lines of what the script says, to find the cause in
DATA_STEP = "Give it the columns system_prompt and question."


class RefusedError(Exception):
    """What the operator can act on."""

    def __init__(self, cause: str, next_step: str = "") -> None:
        super().__init__(cause)
        self.answer = {"cause": cause, "next_step": next_step}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed
    request = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"versions": calibrate(request)}
    except RefusedError as refused:
        answer = refused.answer
    except Exception as error:  # whatever a library raises: it is the cause
        words = str(error).strip().splitlines() or [""]
        answer = {"cause": f"{type(error).__name__}: {words[0]}", "next_step": ""}
    json.dump(answer, answers)
    answers.flush()


def calibrate(request: dict[str, Any]) -> dict[str, str]:
    """Run the script; the versions of the tools, and the digest of the script's folder."""
    script = Path(request["script"])
    for path in (script, script.with_name(DETECT)):  # without the latter, Python's status 2 reads as Gaudi 2
        if not path.is_file():
            step = "Set quantize_gaudi.script to vllm-gaudi's script in it, which has its steps beside it."
            raise RefusedError(f"the image has no {path}", step)
    digest = digest_of(script.parent)
    if request["digest"] and request["digest"] != digest:
        cause = f"the folder of {script} hashes to {digest}, not to {request['digest']}"
        raise RefusedError(cause, "Use the image that quantize_gaudi.script_digest was taken of, or correct that.")
    require_generation(script.parent, request["generation"])
    with tempfile.TemporaryDirectory() as scratch:
        # The script writes into its own folder, and clears that only where it is called so.
        folder = Path(scratch, "vllm-gaudi", "calibration")
        shutil.copytree(script.parent, folder)
        model = Path(scratch, request["name"])  # the script names its results after the last part of the path
        model.symlink_to(request["source"])
        data = Path(scratch, "questions.pkl")
        write_questions(request, data)
        run([f"./{script.name}", *arguments(request, model, data)], folder)
    return {**versions(), script.name: digest}


def digest_of(folder: Path) -> str:
    """One hash of the names and contents of the programs and templates in the script's folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".sh", ".py", ".jinja"):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found.update(f"{content}  {path.relative_to(folder)}\n".encode())
    return f"sha256:{found.hexdigest()}"


def require_generation(folder: Path, wanted: str) -> None:
    """The script's own detection, before hours are spent."""
    done = subprocess.run(
        [sys.executable, DETECT], cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    found = f"g{done.returncode}"
    if found in ("g2", "g3"):
        if found != wanted:
            cause = f"its devices are {found}, and it is to be served on {wanted}, where other scales are needed"
            raise RefusedError(cause, "Calibrate it on the devices that it is served on.")
        return
    last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
    raise RefusedError(f"it finds no Gaudi 2 or 3 ({last})", "Does `hl-smi` show the devices on this host?")


def write_questions(request: dict[str, Any], path: Path) -> None:
    """The questions as the script takes them: a pickled DataFrame."""
    import pandas

    data = request["data"]
    table = read_table(Path(data), pandas) if data else pandas.DataFrame(request["rows"])
    table.to_pickle(str(path))


def read_table(path: Path, pandas: Any) -> Any:
    read = pandas.read_parquet if path.suffix.lower() == ".parquet" else pandas.read_pickle
    try:
        table = read(str(path))
    except Exception as error:  # anything can be raised by what a pickle holds
        words = str(error).strip().splitlines() or [""]
        cause = f"the calibration data {path.name} cannot be read ({type(error).__name__}: {words[0]})"
        raise RefusedError(cause, DATA_STEP) from error
    columns = [str(name) for name in getattr(table, "columns", ())]
    lacking = [name for name in COLUMNS if name not in columns]
    if lacking:
        told = ", ".join(columns) or "nothing"
        raise RefusedError(
            f"the calibration data {path.name} has no {' and no '.join(lacking)}, only {told}", DATA_STEP
        )
    if not len(table):
        raise RefusedError(f"the calibration data {path.name} is empty", DATA_STEP)
    return table[list(COLUMNS)]


def arguments(request: dict[str, Any], model: Path, data: Path) -> list[str]:
    """Of the script."""
    given = ["-m", str(model), "-d", str(data), "-o", request["place"]]
    given += ["-b", str(request["batch"]), "-l", str(request["samples"]), "-t", str(request["parallel"])]
    given += ["-r", str(request["unify"])] if request["unify"] else []
    return given + (["-u"] if request["experts"] else [])


def run(command: list[str], folder: Path) -> None:
    """Run the script in its folder; RefusedError says which step failed, and why."""
    lines: deque[str] = deque(maxlen=KEPT)
    silent = False
    with subprocess.Popen(
        ["bash", *command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as running:
        for line in running.stdout or ():
            sys.stderr.write(line)
            lines.append(line.strip())
            silent = silent or SILENT in line
    if running.returncode:
        raise RefusedError(*cause_in(list(lines), running.returncode))
    if silent:
        cause = f"{Path(command[0]).name} could not unify the measurements ({SILENT}), and ended as if it had"
        raise RefusedError(cause, "Are as many devices free as it is measured on? Run it again.")


def cause_in(lines: list[str], status: int) -> tuple[str, str]:
    step = next((line for line in reversed(lines) if line.startswith("Error in step")), "")
    said = [line for line in lines if line and line != step]
    errors = [line for line in said if "Error" in line or "ERROR" in line or line.startswith("Invalid")]
    last = (errors or said or ["it says nothing"])[-1]
    where = f"step {step.rsplit(' ', 1)[-1]} of the script failed" if step else f"the script ended with status {status}"
    if "PT_DEVMEM Allocation failed" in last:
        return f"{where}: {last}", "It needs more memory: set the tensor parallel size higher."
    return f"{where}: {last}", ""


def versions() -> dict[str, str]:
    """Of the packages that are installed."""
    found = {name: list(metadata.distributions(name=name)) for name in PACKAGES}
    return {name: installed[0].version for name, installed in found.items() if installed}


if __name__ == "__main__":
    main()
