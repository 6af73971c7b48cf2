# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from .machines import MadeMachine, output

GPU, NVSWITCH = "0x030200", "0x068000"


@pytest.fixture
def made(tmp_path):
    return MadeMachine(tmp_path)


@pytest.fixture
def h200(made):
    """Two H200 whose driver works, packaged and held as it should be."""
    for bus_id, node in (("0000:19:00.0", "0"), ("0000:3b:00.0", "1")):
        made.pci(bus_id, "0x10de", GPU, driver="nvidia", numa_node=node)
    made.file("proc/driver/nvidia/version", NVRM_OPEN.format("590.48.01"))
    made.file("usr/lib/x86_64-linux-gnu/libnvidia-ml.so.590.48.01")
    made.prints("nvidia-smi -q -x", output("h200.xml"))
    made.prints("nvidia-smi --query-gpu", output("h200_query.csv"))
    made.prints("nvidia-smi topo -m", output("h200_topology.txt"))
    made.prints("modinfo nvidia", "license:        Dual MIT/GPL\nsigner:         DKMS module signing key\n")
    made.prints("dpkg-query", installed("nvidia-kernel-open-dkms", "590.48.01-1", "hi"))
    return made


@pytest.fixture
def gaudi(made):
    """Three Gaudi 2."""
    for bus_id in ("0000:19:00.0", "0000:1a:00.0", "0000:b3:00.0"):
        made.pci(bus_id, "0x1da3", "0x120000", device="0x1020", driver="habanalabs", numa_node="0")
    made.file("sys/module/habanalabs/version", "1.22.1-f8f0b2c\n")
    made.prints("hl-smi -Q", output("gaudi2.csv"))
    made.prints("hl-smi -L", output("gaudi2_list.txt"))
    made.prints("dpkg-query", installed("habanalabs-dkms", "1.22.1-6", "hi"))
    return made


NVRM_OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (dvs-builder@host)  Tue Sep 23 2025\n"
    "GCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04.2)\n"
)


def installed(name, version, status="ii"):
    return f"{name}\t{status} \t{version}\n"
