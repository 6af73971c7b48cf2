# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators import container_probe
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

LINKED = (
    "\tlinux-vdso.so.1 (0x00007ffd8d5f2000)\n"
    "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f3a3c000000)\n"
    "\t/lib64/ld-linux-x86-64.so.2 (0x00007f3a3c2d5000)\n"
)


def test_the_image_holds_the_shell_and_the_c_library() -> None:
    files = container_probe.needed(LINKED)
    assert files[:3] == ["/bin/sh", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "docker: Error response from daemon: CDI device injection failed: unresolvable CDI devices "
            "nvidia.com/gpu=all\n"
            "Run 'docker run --help' for more information\n",
            "unresolvable CDI devices nvidia.com/gpu=all",
        ),
        (
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 580.95\n",
            "Failed to initialize NVML: Driver/library version mismatch",
        ),
        ("", "without a word"),
    ],
)
def test_why_a_container_sees_nothing(output: str, said: str) -> None:
    assert said in container_probe.cause(output)


@pytest.mark.parametrize(("answer", "version"), [("580.95.05\n580.95.05\n", "580.95.05"), ("", None), ("[N/A]", None)])
def test_the_answer_must_be_one_version(monkeypatch: pytest.MonkeyPatch, answer: str, version: str | None) -> None:
    monkeypatch.setattr(container_probe, "ensure_image", lambda: "probe")
    monkeypatch.setattr(container_probe, "docker", lambda *_arguments, **_options: answer)
    if version:
        assert container_probe.driver_in_container("cdi") == version
        return
    with pytest.raises(FleetError, match="nvidia-smi says"):
        container_probe.driver_in_container("cdi")
