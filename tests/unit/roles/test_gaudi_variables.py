# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role gaudi makes of a host's packages and of what is wrong with its driver."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators.driver import EMPTY
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.problems import of_gaudi
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.shape import device

from .rendering import arguments, host, render

PACKAGES = ["habanalabs-dkms", "habanalabs-thunk"]
RIGHT = dict.fromkeys(PACKAGES, "1.24.1-482")


@pytest.mark.parametrize(
    ("release", "packages", "headers"),
    [
        ("debian-12", [], ["6.1.0-41-amd64"]),
        ("debian-12", ["linux-image-amd64", "linux-headers-6.1.0-41-amd64"], ["amd64"]),
        ("ubuntu-22.04", ["linux-image-generic"], ["5.15.0-161-generic", "generic"]),
        ("ubuntu-24.04", ["linux-image-6.8.0-90-generic"], ["6.8.0-88-generic", "6.8.0-90-generic"]),
        ("ubuntu-24.04", ["linux-headers-6.8.0-88-generic", "linux-image-6.8.0-50-generic"], []),
    ],
)
def test_headers_are_wanted_of_the_running_kernel_and_of_those_to_come(
    release: str, packages: list[str], headers: list[str]
) -> None:
    known = {"linux-image-*": None, "habanalabs-dkms": None, **dict.fromkeys(packages, "1.0")}
    wanted = render("gaudi", "_gaudi_headers", _gaudi_host=host(release, known))
    assert sorted(wanted) == [f"linux-headers-{kernel}" for kernel in headers]
    assert render("gaudi", "_gaudi_headers", _gaudi_host=host(release, known), gaudi_kernel_headers=False) == []


def test_a_kernel_is_none_of_the_packages_that_go() -> None:
    known = {"habanalabs-dkms": "1.24.1-482", "linux-image-amd64": "6.1.0-41", "habanalabs-thunk": None}
    assert render("gaudi", "_gaudi_present_packages", _gaudi_host=host("debian-12", known)) == ["habanalabs-dkms"]


@pytest.mark.parametrize(
    ("packages", "held", "said"),
    [
        ({"linux-image-amd64": "1"}, [], "install {all}, linux-headers-amd64 and hold {all}"),
        ({}, PACKAGES, "install {all}"),
        (RIGHT, [], "hold {all}"),
        ({**RIGHT, "linux-image-amd64": "1"}, PACKAGES, "install linux-headers-amd64"),
    ],
)
def test_what_would_be_installed_and_held(packages: dict[str, str], held: list[str], said: str) -> None:
    there = host("debian-12", {"linux-headers-6.1.0-41-amd64": "1", **packages}, held=held)
    asked = arguments("gaudi", "install", "ansible.builtin.debug", gaudi_packages=PACKAGES, _gaudi_host=there)
    assert asked["msg"] == "Would " + said.format(all=", ".join(PACKAGES))


# What EFI says, and what it would make of the module.
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"secure_boot": True, "module_signed": False}, "the kernel module habanalabs is not signed.*Enrol a key"),
        (
            {"secure_boot": True, "module_signed": True, "unenrolled_key": "/var/lib/dkms/mok.pub"},
            "the key /var/lib/dkms/mok.pub.*is not enrolled.*mokutil --import /var/lib/dkms/mok.pub",
        ),
        ({"secure_boot": True, "module_signed": True}, ""),
        ({"secure_boot": False, "module_signed": False}, ""),
        ({"secure_boot": None, "module_signed": False}, ""),
    ],
)
def test_a_module_that_secure_boot_would_refuse_is_not_loaded(facts: dict[str, Any], said: str) -> None:
    driver = {**EMPTY, "loaded": "1.23.0-a1b2c3d", "packaged": "1.24.1-482", **facts}
    found = {"driver": driver, "devices": [device(index=0, temperature_c=31)], "complaint": None}
    seen = {"_gaudi_found": {"problems": list(of_gaudi(found, []))}, "_gaudi_host": host("debian-12", RIGHT)}
    seen |= {"gaudi_packages": PACKAGES, "ansible_check_mode": False}
    refused = render("gaudi", "_gaudi_unloadable | length > 0", **seen)
    assert refused is bool(said)
    if refused:
        told = arguments("gaudi", "driver", "ansible.builtin.fail", **seen)["msg"]
        assert re.search(f"^Failed to load driver 1.24.1-482 under Secure Boot: .*{said}.* Nothing was unloaded", told)
        seen["_gaudi_host"] = host("debian-12", {})  # a dry run cannot know of a module that is not built yet
        assert render("gaudi", "_gaudi_unloadable", **seen | {"ansible_check_mode": True}) == []
