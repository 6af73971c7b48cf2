# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.host.apt_sources import files_naming

HABANA = ("https://vault.habana.ai/artifactory/debian/", "noble")
TOOLKIT = ("https://nvidia.github.io/libnvidia-container/stable/deb/amd64", "/")
CUDA = ("https://developer.download.nvidia.com/compute/cuda/repos/debian13/x86_64", "/")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # As the vendors' own instructions and packages write them.
        ("artifactory.list", "deb https://vault.habana.ai/artifactory/debian noble main\n"),
        ("habana.list", "deb [signed-by=/usr/share/keyrings/habana.gpg arch=amd64] {habana} noble main # theirs\n"),
        ("cuda-debian13-x86_64.list", "deb [signed-by=/usr/share/keyrings/cuda-archive-keyring.gpg] {cuda}/ /\n"),
        ("toolkit.list", "deb [signed-by=/x.gpg] https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /\n"),
        ("cuda.sources", "Types: deb\nURIs: {cuda}/\nSuites: ./\nSigned-By: /usr/share/keyrings/cuda.gpg\n"),
        (
            "two.sources",
            "# one\nTypes: deb\nURIs: http://a/\nSuites: x\n\nsuites: jammy\n noble\nuris: http://b {habana}\n",
        ),
    ],
)
def test_a_file_that_names_a_repository(tmp_path: Path, name: str, text: str) -> None:
    assert _naming(tmp_path, name, text) == [f"{tmp_path}/sources.list.d/{name}"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("habana.list", "# deb {habana} noble main\n"),
        ("habana.list", "deb {habana} jammy main\n"),  # another suite is another repository
        ("habana.list.save", "deb {habana} noble main\n"),
        ("habana.sources", "Enabled: no\nTypes: deb\nURIs: {habana}\nSuites: noble\n"),
        ("habana.sources", "Types: deb\nURIs: {habana}\nSuites: jammy\n\nTypes: deb\nURIs: http://a\nSuites: noble\n"),
        ("cuda.list", "deb https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2404/x86_64 /\n"),
    ],
)
def test_a_file_that_does_not(tmp_path: Path, name: str, text: str) -> None:
    assert _naming(tmp_path, name, text) == []


def test_the_main_file_counts_too(tmp_path: Path) -> None:
    tmp_path.joinpath("sources.list").write_text("deb http://deb.debian.org/debian trixie main\n")
    assert files_naming([("http://deb.debian.org/debian", "trixie")], "amd64", tmp_path) == [f"{tmp_path}/sources.list"]


def _naming(etc: Path, name: str, text: str) -> list[str]:
    etc.joinpath("sources.list.d").mkdir()
    text = text.replace("{habana}", HABANA[0]).replace("{cuda}", CUDA[0])
    etc.joinpath("sources.list.d", name).write_text(text)
    return files_naming([HABANA, TOOLKIT, CUDA], "amd64", etc)
