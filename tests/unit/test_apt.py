# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.host import apt, kernel_headers
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome

# As apt 3.0 (Debian 13), 2.6 (Debian 12) and 2.4 (Ubuntu 22.04) write them; the first was seen on a virtual host.
ROTATED_3_0 = (
    "E: The repository 'http://192.0.2.5:8080/nvidia  InRelease' is not signed.\n"
    "W: OpenPGP signature verification failed: http://192.0.2.5:8080/nvidia  InRelease: Sub-process /usr/bin/sqv "
    "returned an error code (1), error message is: Missing key DCD7412F02243CCD0C6F73F3372ACB9152F10FD6, which is "
    "needed to verify signature.\n"
)
ROTATED_2_6 = (
    "W: GPG error: https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64  InRelease: The following "
    "signatures couldn't be verified because the public key is not available: NO_PUBKEY A4B469963BF863CC\n"
    "E: The repository 'https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64  InRelease' is not "
    "signed.\n"
)
UNSIGNED = "E: The repository 'http://192.0.2.5:8080/nvidia  Release' is not signed.\n"
REFUSED = (
    "E: Failed to fetch http://192.0.2.5:8080/nvidia/InRelease  Could not connect to 192.0.2.5:8080 (192.0.2.5). - "
    "connect (111: Connection refused)\n"
    "E: Some index files failed to download. They have been ignored, or old ones used instead.\n"
)
MISSING = "E: The repository 'http://192.0.2.5:8080/nowhere  Release' does not have a Release file.\n"


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            ROTATED_3_0,
            "key",
            "Failed to read the package repository http://192.0.2.5:8080/nvidia: it is signed with the key "
            "DCD7412F02243CCD0C6F73F3372ACB9152F10FD6, which is not the one that this host has for it. If its owner "
            "has a new key, give that one; otherwise do not use it.",
        ),
        (ROTATED_2_6, "key", "it is signed with the key A4B469963BF863CC"),
        (UNSIGNED, "key", "its signature is not right"),
        (REFUSED, "unreachable", "http://192.0.2.5:8080/nvidia/InRelease: Failed to fetch"),
        (REFUSED, "unreachable", "Connection refused"),
        (MISSING, "unreachable", "does not have a Release file"),
    ],
)
def test_why_a_repository_cannot_be_read(said: str, kind: str, message: str) -> None:
    error = apt.unreadable(said, "/etc/apt/sources.list.d/nvidia.sources")
    assert error.cause_id == kind
    assert message in str(error)


def test_without_a_url_the_source_file_is_named() -> None:
    error = apt.unreadable("E: Malformed stanza 1 in source list", "/etc/apt/sources.list.d/nvidia.sources")
    assert str(error).startswith(
        "Failed to read the package repository /etc/apt/sources.list.d/nvidia.sources: Malformed"
    )


def test_versions_are_those_of_the_source_that_is_asked_for() -> None:
    listing = (
        "nvidia-smi | 590.44.01-1 | http://192.0.2.5:8080/nvidia  Packages\n"
        "nvidia-smi | 550.163.01-2 | http://mirror.example.com/debian trixie/non-free amd64 Packages\n"
        "libcuda1 | 590.44.01-1 | http://192.0.2.5:8080/nvidia  Packages\n"
        "libcuda1 | 590.44.01-1 | http://192.0.2.5:8080/nvidia  Sources\n"
    )
    assert apt.parse_madison(listing, "192.0.2.5:8080/nvidia") == {
        "nvidia-smi": ["590.44.01-1"],
        "libcuda1": ["590.44.01-1"],
    }
    assert apt.parse_madison(listing)["nvidia-smi"] == ["590.44.01-1", "550.163.01-2"]
    assert apt.parse_madison(listing, "elsewhere") == {}


def test_what_an_installation_would_put_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    output = (
        "Remv nvidia-kernel-dkms [580.82.07-1]\n"
        "Inst libcuda1 [580.82.07-1] (590.44.01-1  [amd64])\n"
        "Inst nvidia-driver-cuda (580.95.05-1 NVIDIA:stable [amd64]) []\n"
        "Conf libcuda1 (590.44.01-1  [amd64])\n"
    )
    monkeypatch.setattr(apt, "look", lambda *_command, **_options: Outcome(0, output, ""))
    assert apt.simulate({"nvidia-driver-cuda": "580.95.05-1"}) == {
        "libcuda1": "590.44.01-1",
        "nvidia-driver-cuda": "580.95.05-1",
    }


def test_what_stands_against_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    output = (
        "The following packages have unmet dependencies:\n"
        " nvidia-driver-cuda : Depends: libcuda1 (>= 580.95.05) but it is not installable\n"
    )
    complaint = "E: Unable to correct problems, you have held broken packages."
    monkeypatch.setattr(apt, "look", lambda *_command, **_options: Outcome(100, output, complaint))
    with pytest.raises(FleetError) as caught:
        apt.simulate({"nvidia-driver-cuda": "580.95.05-1"})
    assert "nvidia-driver-cuda : Depends: libcuda1 (>= 580.95.05) but it is not installable" in caught.value.cause


def test_another_apt_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    locked = Outcome(100, "", "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)")
    outcomes = iter([locked, Outcome(0, "", "")])
    monkeypatch.setattr(apt, "look", lambda *_command, **_options: next(outcomes))
    monkeypatch.setattr(apt.time, "sleep", lambda _seconds: None)
    apt.refresh(["/etc/apt/sources.list.d/nvidia.sources"])
    assert next(outcomes, None) is None


@pytest.mark.parametrize(
    ("running", "message", "step"),
    [
        ("6.12.48", "Failed to find the headers of kernel 6.12.48, which runs", "Install and boot"),
        ("6.1.0", "Failed to find the headers of kernel 6.12.48, which would be booted next", "Remove that kernel"),
    ],
)
def test_headers_that_no_source_has(running: str, message: str, step: str) -> None:
    error = kernel_headers.not_offered("linux-headers-6.12.48", running)
    assert str(error).startswith(message)
    assert step in str(error)


@pytest.mark.parametrize(("candidate", "offered"), [("1.0-1", True), ("(none)", False)])
def test_a_package_without_a_candidate_is_not_offered(
    monkeypatch: pytest.MonkeyPatch, candidate: str, offered: bool
) -> None:
    policy = f"linux-headers-6.12.48:\n  Installed: (none)\n  Candidate: {candidate}\n  Version table:\n"
    monkeypatch.setattr(kernel_headers, "look", lambda *_command: Outcome(0, policy, ""))
    if offered:
        kernel_headers.require_offered(["linux-headers-6.12.48"])
        return
    with pytest.raises(FleetError, match="no package source of the host has linux-headers"):
        kernel_headers.require_offered(["linux-headers-6.12.48"])


@pytest.mark.parametrize(
    ("running", "installed", "wanted"),
    [
        ("6.1.0-47-amd64", ["linux-image-6.1.0-47-amd64", "docker.io"], ["6.1.0-47-amd64"]),
        # Debian's sources have the headers of older kernels no more.
        (
            "6.1.0-47-amd64",
            ["linux-image-6.1.0-9-amd64", "linux-image-6.1.0-50-amd64", "linux-image-amd64", "linux-image-amd64-dbg"],
            ["6.1.0-47-amd64", "6.1.0-50-amd64", "amd64"],
        ),
        (
            "6.8.0-51-generic",
            ["linux-image-unsigned-6.8.0-53-generic", "linux-image-generic-hwe-24.04", "linux-image-extra-virtual"],
            ["6.8.0-51-generic", "6.8.0-53-generic", "generic-hwe-24.04"],
        ),
        ("6.12-ours", ["linux-image-6.12.48+deb13-amd64"], ["6.12-ours", "6.12.48+deb13-amd64"]),
    ],
)
def test_the_kernel_that_runs_and_those_to_come(running: str, installed: list[str], wanted: list[str]) -> None:
    assert kernel_headers.bootable_kernels(installed, running) == wanted
