# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators import nvidia_release
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.nvidia_packages import Wanted
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

AVAILABLE = {"570": ["570.172.08"], "580": ["580.95.05", "580.82.07"]}


@pytest.mark.parametrize(
    ("branch", "version", "keep", "chosen"),
    [
        ("580", "", "", "580.95.05"),
        ("580", "", "580.82.07", "580.82.07"),
        ("580", "", "580.65.06", "580.95.05"),  # the source has it no more
        ("570", "580.82.07", "", "580.82.07"),
    ],
)
def test_the_version_that_is_chosen(branch: str, version: str, keep: str, chosen: str) -> None:
    assert nvidia_release.choose(AVAILABLE, branch, version, keep) == chosen


@pytest.mark.parametrize(
    ("branch", "version", "said"),
    [
        ("585", "", "Failed to find branch 585 of NVIDIA's driver: the package sources have 570 (570.172.08), 580 ("),
        ("580", "585.1.1", "Failed to find branch 585"),
        ("580-server", "", "Failed to find branch 580-server of NVIDIA's driver: the package sources have 570 ("),
        ("570", "580.1.1", "of branch 580 the package sources have 580.95.05, 580.82.07"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(branch: str, version: str, said: str) -> None:
    with pytest.raises(FleetError) as caught:
        nvidia_release.choose(AVAILABLE, branch, version)
    assert said in str(caught.value)


def test_no_driver_at_all() -> None:
    with pytest.raises(FleetError, match="have none"):
        nvidia_release.choose({}, "580", "")


def test_branches_are_ordered_as_numbers_and_pinning_packages_are_none() -> None:
    versions = {"a": ["580.9.1-1", "580.105.08-1"], "b": ["1:590.44.01-0ubuntu1"], "c": ["unknown"]}
    assert nvidia_release.branches(versions) == {"580": ["580.105.08", "580.9.1"], "590": ["590.44.01"]}


def test_what_apt_would_take_at_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {
        name: ["590.44.01-1", "580.95.05-1"]
        for name in ("nvidia-driver-cuda", "nvidia-kernel-open-dkms", "libcuda1", "libnvidia-ml1", "libnvidia-old")
    }
    needs = {"nvidia-driver-cuda": "libcuda1", "libcuda1": "libnvidia-ml1"}

    def simulate(packages: dict[str, str], removed: list[str]) -> dict[str, str]:
        assert removed == ["nvidia-fabricmanager-570"]
        more = {needs[name]: "590.44.01-1" for name in packages if name in needs}
        return {**more, **packages}

    monkeypatch.setattr(nvidia_release.apt, "simulate", simulate)
    monkeypatch.setattr(nvidia_release.apt, "known_names", lambda prefix: [prefix, f"{prefix}-dev"])
    monkeypatch.setattr(
        nvidia_release.apt,
        "versions",
        lambda names, _origin: {name: sources[name] for name in names if name in sources},
    )
    wanted = Wanted("nvidia", "debian", "open", ("6.12.48",), persistence=False)
    installed = {"libnvidia-old": "570.172.08-1", "nvidia-fabricmanager-570": "570.172.08-1"}
    found = nvidia_release.release(wanted, "580", "", "", "", installed)
    assert found["version"] == "580.95.05"
    assert set(found["packages"]) == set(sources)
    assert found["obsolete"] == ["nvidia-fabricmanager-570"]
    assert set(found["packages"].values()) == {"580.95.05-1"}


# What is there for the other kind of modules goes, though the source has it in the version that is chosen.
@pytest.mark.parametrize(
    ("source", "distribution", "modules", "installed", "obsolete"),
    [
        (
            "nvidia",
            "debian",
            "proprietary",
            ["nvidia-kernel-open-dkms", "nvidia-open", "nvidia-opencl-icd"],
            ["nvidia-kernel-open-dkms", "nvidia-open"],
        ),
        ("nvidia", "debian", "open", ["libcuda1", "nvidia-kernel-dkms"], ["nvidia-kernel-dkms"]),
        ("distribution", "debian", "open", ["nvidia-kernel-dkms", "nvidia-smi"], ["nvidia-kernel-dkms"]),
        ("nvidia", "ubuntu", "open", ["nvidia-dkms-580", "nvidia-kernel-common-580"], ["nvidia-dkms-580"]),
        ("nvidia", "ubuntu", "proprietary", ["nvidia-dkms-580-open"], ["nvidia-dkms-580-open"]),
        (
            "distribution",
            "ubuntu",
            "open",
            [
                "linux-modules-nvidia-580-server-6.8.0-51-generic",
                "linux-modules-nvidia-580-server-generic",
                "linux-modules-nvidia-580-server-open-6.8.0-50-generic",
            ],
            ["linux-modules-nvidia-580-server-6.8.0-51-generic", "linux-modules-nvidia-580-server-generic"],
        ),
        (
            "distribution",
            "ubuntu",
            "proprietary",
            ["linux-modules-nvidia-580-server-6.8.0-50-generic", "linux-modules-nvidia-580-server-open-generic"],
            ["linux-modules-nvidia-580-server-open-generic"],
        ),
    ],
)
def test_modules_of_the_other_kind_go(
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    distribution: str,
    modules: str,
    installed: list[str],
    obsolete: list[str],
) -> None:
    wanted = Wanted(source, distribution, modules, ("6.8.0-51-generic",), persistence=False)
    names = [*wanted.drivers("580"), *wanted.others("580")]
    sources = {name: ["6.8.0-51.52+1" if name.startswith("linux-") else "580.95.05-1"] for name in [*names, *installed]}
    monkeypatch.setattr(nvidia_release.apt, "simulate", lambda packages, _removed: packages)
    monkeypatch.setattr(nvidia_release.apt, "known_names", lambda _prefix: names)
    monkeypatch.setattr(
        nvidia_release.apt, "versions", lambda names, _origin: {n: sources[n] for n in names if n in sources}
    )
    there = {name: sources[name][0] for name in installed}
    found = nvidia_release.release(wanted, "580", "", "", "", there)
    assert found["obsolete"] == obsolete
    kept = [name for name in installed if name not in obsolete and not name.startswith("linux-")]
    assert sorted(found["packages"]) == sorted({*names, *kept})


# The names in NVIDIA's Driver Installation Guide: "Compute-only" and "Ubuntu 590 and later packages".
@pytest.mark.parametrize(
    ("source", "distribution", "modules", "branch", "names"),
    [
        ("nvidia", "debian", "open", "580", ["nvidia-driver-cuda", "nvidia-kernel-open-dkms"]),
        ("nvidia", "debian", "proprietary", "590", ["nvidia-driver-cuda", "nvidia-kernel-dkms"]),
        (
            "nvidia",
            "ubuntu",
            "open",
            "580",
            ["libnvidia-compute-580", "nvidia-utils-580", "nvidia-dkms-580-open"],
        ),
        ("nvidia", "ubuntu", "open", "590", ["libnvidia-compute", "nvidia-utils", "nvidia-dkms-open"]),
        ("nvidia", "ubuntu", "proprietary", "590", ["libnvidia-compute", "nvidia-utils", "nvidia-dkms"]),
        ("distribution", "debian", "open", "550", ["libcuda1", "nvidia-smi", "nvidia-open-kernel-dkms"]),
        ("distribution", "ubuntu", "open", "580", ["nvidia-utils-580-server"]),
    ],
)
def test_how_the_driver_is_called(source: str, distribution: str, modules: str, branch: str, names: list[str]) -> None:
    assert Wanted(source, distribution, modules, ("6.8.0-51-generic",)).drivers(branch) == names


# Canonical builds signed modules with the kernel, whose version they have; Debian releases the daemon by itself.
@pytest.mark.parametrize(
    ("distribution", "modules", "name", "version"),
    [
        ("ubuntu", "open", "linux-modules-nvidia-580-server-open-6.8.0-51-generic", "6.8.0-51.52+1"),
        ("ubuntu", "proprietary", "linux-modules-nvidia-580-server-6.8.0-51-generic", "6.8.0-51.52+1"),
        ("debian", "open", "nvidia-persistenced", "535.171.04-1~deb12u1"),
    ],
)
def test_what_a_distribution_releases_at_a_version_of_its_own(
    monkeypatch: pytest.MonkeyPatch, distribution: str, modules: str, name: str, version: str
) -> None:
    wanted = Wanted("distribution", distribution, modules, ("6.8.0-51-generic",))
    sources = {package: ["580.95.05-1"] for package in [*wanted.drivers("580"), *wanted.companions("580")]}
    monkeypatch.setattr(nvidia_release.apt, "simulate", lambda packages, _removed: packages)
    monkeypatch.setattr(nvidia_release.apt, "known_names", lambda _prefix: list(sources))
    monkeypatch.setattr(
        nvidia_release.apt, "versions", lambda names, _origin: {n: sources[n] for n in names if n in sources}
    )
    with pytest.raises(FleetError, match=f"Failed to find {name}: the package sources have no such package"):
        nvidia_release.release(wanted, "580", "", "", "", {})
    sources[name] = [version, "1.0"]
    found = nvidia_release.release(wanted, "580", "", "", "", {})
    assert found["version"] == "580.95.05"
    assert found["packages"][name] == version


def test_what_brings_signed_modules_is_taken_where_it_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    named = "linux-modules-nvidia-580-server-open-{}".format
    wanted = Wanted("distribution", "ubuntu", "open", ("6.8.0-51-generic", "generic", "virtual"), persistence=False)
    sources = {
        "nvidia-utils-580-server": ["580.95.05-0ubuntu0.24.04.2"],
        named("6.8.0-51-generic"): ["6.8.0-51.52+1"],
        named("generic"): ["6.8.0-88.89", "6.8.0-51.52"],
    }
    monkeypatch.setattr(nvidia_release.apt, "simulate", lambda packages, _removed: packages)
    monkeypatch.setattr(nvidia_release.apt, "known_names", lambda _prefix: list(sources))
    monkeypatch.setattr(
        nvidia_release.apt, "versions", lambda names, _origin: {n: sources[n] for n in names if n in sources}
    )
    found = nvidia_release.release(wanted, "580", "", "", "", {})
    assert found["packages"] == {name: versions[0] for name, versions in sources.items()}


@pytest.mark.parametrize(
    ("source", "distribution", "branch", "manager"),
    [
        ("nvidia", "debian", "570", "nvidia-fabricmanager-570"),
        ("nvidia", "debian", "580", "nvidia-fabricmanager"),
        ("nvidia", "ubuntu", "590", "nvidia-fabricmanager"),
        ("distribution", "ubuntu", "590", "nvidia-fabricmanager-590"),
    ],
)
def test_how_the_fabric_manager_is_called(source: str, distribution: str, branch: str, manager: str) -> None:
    wanted = Wanted(source, distribution, "open", ("6.8.0",), fabric=True, persistence=False)
    assert wanted.companions(branch)[0] == manager
