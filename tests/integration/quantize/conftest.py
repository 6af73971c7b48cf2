# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""llm-compressor in the container that the rig makes, and what it makes of small models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.cache import using_engine
from rig.engine import answers, ensure_engine, stop_if_ours
from rig.images import ensure_image
from rig.shell import docker

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """llm-compressor's image, on an engine that runs."""
    ran = answers()
    with using_engine():
        ensure_engine()
        yield ensure_image("llmcompressor")
    if not ran:
        stop_if_ours()


@pytest.fixture(scope="session")
def references(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MODEL/{source,oneshot,model_free}."""
    folder = tmp_path_factory.mktemp("references")
    docker(
        "run",
        "--rm",
        "--network=none",
        f"--user={os.getuid()}:{os.getgid()}",
        f"--volume={folder}:/models",
        f"--volume={HERE}:/quantize:ro",
        image,
        "/quantize/reference.py",
        "/models",
    )
    return folder
