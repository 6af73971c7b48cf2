# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role nvidia asks for on each distribution, from either source, and that it takes for met what it then has."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators.driver import EMPTY, upstream
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.nvidia import driver_packages
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.nvidia_packages import Wanted

from .rendering import HOSTS, arguments, holds, host, render

TOOLKIT = {"nvidia-container-toolkit": "1.18.1-1"}
TOOLKIT_FILE = "/etc/apt/sources.list.d/nvidia-container-toolkit.sources"
NVIDIA_FILE = "/etc/apt/sources.list.d/nvidia.sources"

# (release, source, modules, branch): the version that the source has, and the packages that carry it, modules last.
# From NVIDIA's Driver Installation Guide, and the packages of bookworm, trixie, jammy and noble.
BY_NVIDIA_ON_DEBIAN = ["nvidia-driver-cuda", "nvidia-persistenced", "nvidia-kernel-open-dkms"]
BY_NVIDIA_ON_UBUNTU = ["libnvidia-compute-580", "nvidia-utils-580", "nvidia-compute-utils-580", "nvidia-dkms-580-open"]
BY_UBUNTU = [
    "nvidia-utils-580-server",
    "nvidia-compute-utils-580-server",
    "linux-modules-nvidia-580-server-open-@kernel@",
]
BY_DEBIAN = ["libcuda1", "nvidia-smi", "nvidia-persistenced", "nvidia-open-kernel-dkms"]
CASES = {
    ("debian-12", "nvidia", "open", "580"): ("580.95.05-1", BY_NVIDIA_ON_DEBIAN),
    ("debian-13", "nvidia", "open", "590"): ("590.44.01-1", BY_NVIDIA_ON_DEBIAN),
    ("debian-13", "nvidia", "proprietary", "580"): (
        "580.95.05-1",
        [*BY_NVIDIA_ON_DEBIAN[:-1], "nvidia-kernel-dkms"],
    ),
    ("debian-12", "distribution", "open", "535"): ("535.247.01-1~deb12u1", BY_DEBIAN),
    ("debian-13", "distribution", "open", "550"): ("550.163.01-2", BY_DEBIAN),
    ("debian-13", "distribution", "proprietary", "550"): ("550.163.01-2", [*BY_DEBIAN[:-1], "nvidia-kernel-dkms"]),
    ("ubuntu-22.04", "nvidia", "open", "580"): ("580.95.05-0ubuntu1", BY_NVIDIA_ON_UBUNTU),
    ("ubuntu-24.04", "nvidia", "proprietary", "580"): (
        "580.95.05-0ubuntu1",
        [*BY_NVIDIA_ON_UBUNTU[:-1], "nvidia-dkms-580"],
    ),
    ("ubuntu-24.04", "nvidia", "open", "590"): (
        "590.44.01-1ubuntu1",
        ["libnvidia-compute", "nvidia-utils", "nvidia-compute-utils", "nvidia-dkms-open"],
    ),
    ("ubuntu-22.04", "distribution", "open", "580"): ("580.95.05-0ubuntu0.22.04.2", BY_UBUNTU),
    ("ubuntu-24.04", "distribution", "open", "580"): ("580.95.05-0ubuntu0.24.04.2", BY_UBUNTU),
    ("ubuntu-24.04", "distribution", "proprietary", "580"): (
        "580.95.05-0ubuntu0.24.04.2",
        [*BY_UBUNTU[:-1], "linux-modules-nvidia-580-server-@kernel@"],
    ),
}
each_case = pytest.mark.parametrize("case", CASES, ids="-".join)


class Node:
    """A host of one of the cases."""

    def __init__(self, case: tuple[str, str, str, str]) -> None:
        self.release, source, modules, branch = case
        self.settings = {"nvidia_source": source, "nvidia_modules": modules, "nvidia_branch": branch}
        self.kernel = HOSTS[self.release][2]
        self.version, names = CASES[case]
        self.names = [name.replace("@kernel@", self.kernel) for name in names]

    @property
    def complete(self) -> dict[str, str]:
        """All packages that it is to have, with plausible versions."""
        pins = [] if self.settings["nvidia_source"] == "distribution" else [f"nvidia-driver-pinning-{self.branch}"]
        headers = [] if self.signed else [f"linux-headers-{self.kernel}"]
        versions = {**dict.fromkeys(self.names, self.version), **dict.fromkeys([*pins, *headers], "1"), **TOOLKIT}
        if self.signed:
            versions[self.names[-1]] = "6.8.0-88.89+1"
        elif self.settings["nvidia_source"] == "distribution":
            versions["nvidia-persistenced"] = "535.171.04-1"  # which Debian releases apart
        return versions

    @property
    def branch(self) -> str:
        return self.settings["nvidia_branch"]

    @property
    def signed(self) -> bool:
        return self.release.startswith("ubuntu") and self.settings["nvidia_source"] == "distribution"

    def seen(self, packages: dict[str, str], **facts: Any) -> dict[str, Any]:
        """The variables of the role on this host once it has ``packages``."""
        packaged = next((upstream(packages[name]) for name in driver_packages(packages)), None)
        driver = {**EMPTY, "packaged": packaged, "loaded": packaged, "modules": self.settings["nvidia_modules"]}
        units = {"nvidia-persistenced.service": {"active": True, "enabled": True}}
        return {
            **self.settings,
            "ansible_check_mode": False,
            "_nvidia_seen": {"driver": driver, "devices": [{}], "cdi": {"stale": False}, "problems": []},
            "_nvidia_host": host(self.release, packages, units=units, **facts),
        }


@each_case
def test_what_is_asked_for(case: tuple[str, str, str, str]) -> None:
    node = Node(case)
    asked = arguments("nvidia", "packages", "inference.fleet.nvidia_packages_info", **node.seen({}))
    fields = ("source", "distribution", "modules", "fabric", "subnet", "persistence")
    wanted = Wanted(kernels=tuple(asked["kernels"]), **{field: asked[field] for field in fields})
    branch = asked["branch"]
    names = [*wanted.drivers(branch), *wanted.companions(branch), *wanted.others(branch)]
    assert sorted(names) == sorted(node.names)
    assert asked["headers"] == ([] if node.signed else [f"linux-headers-{node.kernel}"])


@each_case
def test_a_host_that_has_all_of_it_is_left_alone(case: tuple[str, str, str, str]) -> None:
    node = Node(case)
    assert render("nvidia", "_nvidia_packages_met", **node.seen(node.complete)) is True
    assert render("nvidia", "_nvidia_needs_reboot", **node.seen(node.complete)) is False


@each_case
def test_a_host_that_lacks_modules_what_they_are_built_with_or_the_toolkit_is_not(
    case: tuple[str, str, str, str],
) -> None:
    node = Node(case)
    for missing in set(node.complete) - set(node.names[:-1]):  # apt's own dependencies keep those
        rest = {name: version for name, version in node.complete.items() if name != missing}
        assert render("nvidia", "_nvidia_packages_met", **node.seen(rest)) is False, missing


@each_case
def test_a_host_with_the_other_kind_of_modules_is_not_left_alone(case: tuple[str, str, str, str]) -> None:
    node = Node(case)
    variables = node.seen(node.complete)
    variables["nvidia_modules"] = "proprietary" if case[2] == "open" else "open"
    assert render("nvidia", "_nvidia_packages_met", **variables) is False
    assert render("nvidia", "_nvidia_needs_reboot", **variables) is True


@each_case
def test_the_modules_that_are_installed_are_told_of_so_that_another_kind_can_take_their_place(
    case: tuple[str, str, str, str],
) -> None:
    node = Node(case)
    asked = arguments("nvidia", "packages", "inference.fleet.nvidia_packages_info", **node.seen(node.complete))
    assert node.names[-1] in asked["installed"]


@each_case
def test_all_that_must_not_move_is_held(case: tuple[str, str, str, str]) -> None:
    node = Node(case)
    unheld = render("nvidia", "_nvidia_unheld", **node.seen(node.complete))
    assert sorted(unheld) == sorted([*node.names, *TOOLKIT])
    assert set(unheld) <= set(render("nvidia", "_nvidia_removable", **node.seen(node.complete)))


@pytest.mark.parametrize(
    ("release", "repository", "key"),
    [
        ("debian-12", "debian12", "3bf863cc.pub"),
        ("debian-13", "debian13", "8793F200.pub"),
        ("ubuntu-22.04", "ubuntu2204", "3bf863cc.pub"),
        ("ubuntu-24.04", "ubuntu2404", "3bf863cc.pub"),
    ],
)
def test_where_the_driver_comes_from(release: str, repository: str, key: str) -> None:
    url = f"https://developer.download.nvidia.com/compute/cuda/repos/{repository}/x86_64"
    files = render("nvidia", "_nvidia_repository_files", _nvidia_host=host(release))
    assert files[NVIDIA_FILE] == f"Types: deb\nURIs: {url}\nSuites: /\nSigned-By: /etc/apt/keyrings/nvidia.asc\n"
    assert render("nvidia", "_nvidia_key", _nvidia_host=host(release)) == f"{url}/{key}"
    places = render("nvidia", "_nvidia_repository_places", _nvidia_host=host(release))
    assert places[0] == {"url": url, "suite": "/"}
    own = {"_nvidia_host": host(release), "nvidia_source": "distribution"}
    assert list(render("nvidia", "_nvidia_repository_files", **own)) == [TOOLKIT_FILE]
    assert render("nvidia", "_nvidia_wants_pins", **own) == []


def test_a_repository_that_is_wanted_no_more_goes() -> None:
    key = "/etc/apt/keyrings/nvidia.asc"
    own = {"nvidia_source": "distribution", "nvidia_repository_key": "-----BEGIN PGP PUBLIC KEY BLOCK-----"}
    none = {NVIDIA_FILE: None, key: None}
    toolkit = {
        path: sha256(text.encode()).hexdigest()
        for path, text in render("nvidia", "_nvidia_repository_files", **own, _nvidia_host=host("debian-13")).items()
    }
    there = host("debian-13", files={**toolkit, NVIDIA_FILE: "0", key: "1"})
    assert set(there["files"]) == set(render("nvidia", "_nvidia_paths", **own, _nvidia_host=there))
    assert render("nvidia", "_nvidia_repositories_met", **own, _nvidia_host=there) is False
    assert sorted(render("nvidia", "_nvidia_repositories_past", **own, _nvidia_host=there)) == [key, NVIDIA_FILE]
    assert render("nvidia", "_nvidia_sources_past", **own, _nvidia_host=there) == [NVIDIA_FILE]
    gone = host("debian-13", files={**toolkit, **none})
    assert render("nvidia", "_nvidia_repositories_met", **own, _nvidia_host=gone) is True


@pytest.mark.parametrize(
    ("case", "refused"),
    [
        (("debian-13", "distribution", "open", "550"), True),
        (("debian-13", "nvidia", "open", "590"), False),
        (("ubuntu-24.04", "distribution", "open", "580"), False),
    ],
)
def test_debian_has_no_fabric_manager(case: tuple[str, str, str, str], refused: bool) -> None:
    node = Node(case)
    variables = node.seen(node.complete)
    variables["_nvidia_seen"]["driver"]["nvswitches"] = 4
    refusals = render("nvidia", "_nvidia_refusals", **variables)
    assert ["Debian has no fabric manager" in refusal for refusal in refusals] == ([True] if refused else [])


# Where a metapackage brings each new kernel, another has to bring what belongs to it.
@pytest.mark.parametrize(
    ("case", "image", "package"),
    [
        (("debian-13", "nvidia", "open", "590"), "linux-image-amd64", "linux-headers-amd64"),
        (("ubuntu-22.04", "nvidia", "open", "580"), "linux-image-generic", "linux-headers-generic"),
    ],
)
def test_the_next_kernel_gets_its_headers(case: tuple[str, str, str, str], image: str, package: str) -> None:
    node = Node(case)
    packages = {**node.complete, image: "6.8.0-88.89"}
    assert render("nvidia", "_nvidia_for_kernels", **node.seen(packages)) == [package]
    assert render("nvidia", "_nvidia_packages_met", **node.seen(packages)) is False
    packages[package] = "6.8.0-88.89"
    assert render("nvidia", "_nvidia_packages_met", **node.seen(packages)) is True
    assert package not in render("nvidia", "_nvidia_unheld", **node.seen(packages))
    assert package not in render("nvidia", "_nvidia_removable", **node.seen(packages))


def test_the_next_kernel_gets_its_signed_modules() -> None:
    node = Node(("ubuntu-24.04", "distribution", "open", "580"))
    package = "linux-modules-nvidia-580-server-open-6.14.0-37-generic"
    packages = {**node.complete, "linux-image-6.14.0-37-generic": "6.14.0-37.37"}
    assert render("nvidia", "_nvidia_for_kernels", **node.seen(packages)) == [package]
    packages[package] = "6.14.0-37.37"
    assert render("nvidia", "_nvidia_packages_met", **node.seen(packages)) is True
    assert package in render("nvidia", "_nvidia_unheld", **node.seen(packages))


@pytest.mark.parametrize(
    ("modules", "flavour", "package"),
    [
        ("open", "generic-hwe-24.04", "linux-modules-nvidia-580-server-open-generic-hwe-24.04"),
        ("proprietary", "aws", "linux-modules-nvidia-580-server-aws"),
        ("open", "virtual", "linux-modules-nvidia-580-server-open-virtual"),  # which Ubuntu does not have
    ],
)
def test_what_brings_signed_modules_is_asked_for_and_not_missed(modules: str, flavour: str, package: str) -> None:
    node = Node(("ubuntu-24.04", "distribution", modules, "580"))
    packages = {**node.complete, f"linux-image-{flavour}": "6.8.0-88.89"}
    asked = arguments("nvidia", "packages", "inference.fleet.nvidia_packages_info", **node.seen(packages))
    assert asked["kernels"] == [node.kernel, flavour]
    assert render("nvidia", "_nvidia_packages_met", **node.seen(packages)) is True
    packages[package] = "6.8.0-88.89"
    assert package not in render("nvidia", "_nvidia_unheld", **node.seen(packages))
    assert package in render("nvidia", "_nvidia_removable", **node.seen(packages))


@pytest.mark.parametrize(
    ("secure_boot", "signed", "refused"),
    [(True, False, True), (True, True, False), (False, False, False), (None, False, False), (None, None, False)],
)
def test_a_module_is_refused_that_is_not_signed_where_secure_boot_is_known_to_be_on(
    secure_boot: bool | None, signed: bool | None, refused: bool
) -> None:
    installed = {"driver": {**EMPTY, "secure_boot": secure_boot, "module_signed": signed}}
    task = "Refuse a module that the kernel would refuse"
    assert holds("nvidia", "load", task, _nvidia_installed=installed) is refused


@pytest.mark.parametrize(
    ("seen", "reboots", "drained"),
    [
        pytest.param({}, False, False, id="only the kernel's headers are missing"),
        pytest.param({}, True, True, id="and the source has the loaded version no more"),
        pytest.param({"packaged": "590.48.01"}, False, True, id="another version is installed"),
        pytest.param({"loaded": None, "packaged": "590.48.01"}, False, False, id="none is loaded"),
    ],
)
@pytest.mark.parametrize(
    ("tasks", "task"), [("packages", "Stop what uses the driver"), ("change", "Let the services go on")]
)
def test_what_uses_a_driver_ends_before_another_takes_its_place(
    seen: dict[str, str | None], reboots: bool, drained: bool, tasks: str, task: str
) -> None:
    node = Node(("debian-13", "nvidia", "open", "590"))
    variables = node.seen({name: had for name, had in node.complete.items() if not name.startswith("linux-headers")})
    variables["_nvidia_seen"]["driver"].update(seen)
    assert holds("nvidia", tasks, task, **variables, _nvidia_reboots=reboots) is drained


def test_a_driver_that_is_loaded_with_the_other_kind_of_modules_is_not_met() -> None:
    node = Node(("debian-13", "nvidia", "open", "590"))
    variables = node.seen(node.complete)
    variables["_nvidia_seen"]["driver"]["modules"] = "proprietary"
    assert render("nvidia", "_nvidia_packages_met", **variables) is False


@pytest.mark.parametrize("case", [case for case in CASES if case[3] == "580"], ids="-".join)
def test_a_branch_may_be_given_as_a_number(case: tuple[str, str, str, str]) -> None:
    node = Node(case)
    variables = {**node.seen(node.complete), "nvidia_branch": 580}
    assert render("nvidia", "_nvidia_packages_met", **variables) is True
    assert render("nvidia", "_nvidia_left", **variables)[0].startswith("hold ")


@pytest.mark.parametrize(
    ("source", "outdated", "swapped"),
    [
        ("nvidia", ["nvidia-open"], ["nvidia-kernel-open-dkms"]),
        ("distribution", ["nvidia-driver-pinning-590", "nvidia-kernel-open-dkms", "nvidia-open"], []),
    ],
)
def test_modules_are_swapped_where_something_depends_on_either_kind(
    source: str, outdated: list[str], swapped: list[str]
) -> None:
    node = Node(("debian-13", "nvidia", "open", "590"))
    variables = {
        **node.seen(node.complete),
        "nvidia_source": source,
        "_nvidia_found": {"obsolete": ["nvidia-kernel-open-dkms", "nvidia-open"]},
    }
    assert render("nvidia", "_nvidia_outdated", **variables) == outdated
    assert render("nvidia", "_nvidia_swapped", **variables) == swapped
