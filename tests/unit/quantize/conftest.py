# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cache with a small model, and a stand-in for the container that calibrates it on Gaudi."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome
from ansible_collections.inference.fleet.plugins.module_utils.quantize import container
from ansible_collections.inference.fleet.plugins.module_utils.quantize.gaudi import Options

STANDINS = Path(__file__).with_name("standins")
SCRIPT = Path(__file__).parents[3] / "rig" / "standins" / "gaudi_calibration" / "calibrate_model.sh"
COMMIT = "c" * 40
FILES = {"config.json": json.dumps({"num_hidden_layers": 3}), "model.safetensors": "weights"}


@pytest.fixture
def cache(tmp_path):
    """A Hugging Face cache with Org/Tiny-Chat at COMMIT."""
    folder = tmp_path / "cache" / "models--Org--Tiny-Chat"
    snapshot = folder / "snapshots" / COMMIT
    for part in (snapshot, folder / "blobs"):
        part.mkdir(parents=True)
    for name, content in FILES.items():
        blob = hashlib.sha256(content.encode()).hexdigest()
        (folder / "blobs" / blob).write_text(content)
        (snapshot / name).symlink_to(f"../../blobs/{blob}")
    return tmp_path / "cache"


@pytest.fixture
def gaudi(tmp_path, monkeypatch):
    """The options for it; `monkeypatch.setenv("STANDIN_FAULT", …)` makes it fail."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\nexec {sys.executable} {STANDINS / "docker.py"} "$@"\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(STANDINS))
    monkeypatch.setenv("FAKE_DOCKER", str(tmp_path))
    monkeypatch.setattr(container, "look", lambda *_command, **_how: Outcome(0, "", ""))
    return Options("registry.example.com/vllm-gaudi@sha256:" + "1" * 64, script=str(SCRIPT))


@pytest.fixture
def created(tmp_path):
    """A function: the arguments of the last `docker create`, without the program."""
    return lambda: json.loads((tmp_path / "create.json").read_text())[:-1]
