# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators import gaudi_modules
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.gaudi_modules import (
    parse_lsmod,
    reload,
    steps,
)
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.machine import Machine
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome

# Who uses whom; before 1.21 the driver proper held the others.
SINCE_1_21 = {
    "habanalabs_compat": ("habanalabs", "habanalabs_cn"),
    "habanalabs": ("habanalabs_cn",),
    "habanalabs_cn": ("habanalabs_en", "habanalabs_ib"),
    "habanalabs_en": (),
    "habanalabs_ib": (),
}
BEFORE_1_21 = {
    "habanalabs": (),
    "habanalabs_cn": ("habanalabs",),
    "habanalabs_en": ("habanalabs", "habanalabs_cn"),
    "habanalabs_ib": ("habanalabs", "habanalabs_cn"),
}


@dataclass
class Kernel:
    """Modules on paper, and who uses them."""

    users: dict[str, tuple[str, ...]]
    loaded: list[str] = field(default_factory=list)
    opened: int = 0  # processes that have a card open
    locked: bool = False  # whether the cards' flash is
    broken: bool = False  # whether the driver proper cannot be loaded

    @property
    def machine(self):
        return Machine(run=self.run)

    def uses(self, name):
        held = sum(user in self.loaded for user in self.users[name])
        return held + (self.opened if name == "habanalabs" else 0)

    def run(self, *command, **_timeout):
        if command == ("lsmod",):
            lines = ["Module                  Size  Used by", "overlay               163840  1"]
            return Outcome(0, "\n".join([*lines, *(f"{name} 4096 {self.uses(name)}" for name in self.loaded)]), "")
        if command == ("hl-fw-loader", "-y"):
            complaint = "ERROR: the driver is loaded" if self.loaded else "flash is locked" if self.locked else ""
            return Outcome(int(bool(complaint)), "", complaint)
        name = command[-1]
        if name not in self.users:
            return Outcome(1, "", f"modprobe: FATAL: Module {name} not found in directory /lib/modules/6.8.0")
        if command[1] == "--remove":
            if self.uses(name):
                return Outcome(1, "", f"modprobe: FATAL: Module {name} is in use.")
            self.loaded.remove(name)
        elif name == "habanalabs" and self.broken:
            return Outcome(1, "", "Key was rejected by service")
        else:
            self.loaded.append(name)
        return Outcome(0, "", "")


@pytest.fixture
def dockers(monkeypatch):
    """What docker was asked to do."""
    asked = []
    monkeypatch.setattr(gaudi_modules, "docker", lambda *arguments, **_: asked.append(" ".join(arguments)))
    return asked


def test_modules_as_lsmod_lists_them():
    lines = ["Module Size Used by", "habanalabs 1572864 0", "habanalabs_cn 454656 8", "ib_core 1 1 habanalabs_ib"]
    assert parse_lsmod("\n".join(lines)) == {"habanalabs": 0, "habanalabs_cn": 8}


@pytest.mark.parametrize(
    ("users", "first"),
    [
        (SINCE_1_21, ["habanalabs_ib", "habanalabs_en", "habanalabs_cn", "habanalabs", "habanalabs_compat"]),
        (BEFORE_1_21, ["habanalabs", "habanalabs_cn", "habanalabs_ib", "habanalabs_en"]),
    ],
)
def test_modules_go_in_the_order_that_the_kernel_lets_them(users, first):
    done = reload(Kernel(users, list(users)).machine)
    assert done == [f"unloaded {name}" for name in first] + [f"loaded {name}" for name in users]


def test_the_first_load():
    kernel = Kernel(SINCE_1_21)
    assert reload(kernel.machine) == [f"loaded {name}" for name in SINCE_1_21]
    assert kernel.loaded == list(SINCE_1_21)


def test_the_driver_can_stay_out_and_what_used_it_stopped(dockers):
    kernel = Kernel(SINCE_1_21, list(SINCE_1_21))
    reload(kernel.machine, containers=["vllm-0"], load=False)
    assert kernel.loaded == []
    assert dockers == ["stop vllm-0"]


def test_firmware_is_written_with_the_driver_out():
    done = reload(Kernel(SINCE_1_21, list(SINCE_1_21)).machine, firmware=True)
    assert done.index("updated the firmware") == len(SINCE_1_21)


def test_firmware_that_cannot_be_written_leaves_the_driver_loaded():
    kernel = Kernel(SINCE_1_21, list(SINCE_1_21), locked=True)
    with pytest.raises(FleetError, match="firmware of the Gaudis: flash is locked"):
        reload(kernel.machine, firmware=True)
    assert kernel.loaded == list(SINCE_1_21)


def test_containers_stop_and_come_back(dockers):
    done = reload(Kernel(SINCE_1_21).machine, containers=["vllm-0", "vllm-1"])
    assert (done[0], done[-1]) == ("stopped vllm-0", "started vllm-1")
    assert dockers == ["stop vllm-0", "stop vllm-1", "start vllm-0", "start vllm-1"]


def test_containers_come_back_whatever_happens(dockers):
    kernel = Kernel(SINCE_1_21, list(SINCE_1_21), opened=1)
    with pytest.raises(FleetError, match=r"all of it is in use: .*habanalabs \(1 uses\)"):
        reload(kernel.machine, containers=["vllm-0"])
    assert dockers == ["stop vllm-0", "start vllm-0"]
    assert set(kernel.loaded) == set(SINCE_1_21)


def test_all_that_failed_is_said_and_the_other_containers_come_back(monkeypatch):
    asked = []

    def docker(*arguments, attempted, **_):
        asked.append(" ".join(arguments))
        if arguments == ("start", "vllm-0"):
            raise FleetError(attempted, "its network is gone", "Create it.")

    monkeypatch.setattr(gaudi_modules, "docker", docker)
    kernel = Kernel(SINCE_1_21, list(SINCE_1_21), broken=True)
    with pytest.raises(FleetError) as failed:
        reload(kernel.machine, containers=["vllm-0", "vllm-1"])
    assert str(failed.value) == (
        "Failed to load habanalabs: Key was rejected by service. Look at `dmesg | grep habanalabs`. "
        "Failed to start vllm-0 again: its network is gone. Create it."
    )
    assert asked == ["stop vllm-0", "stop vllm-1", "start vllm-0", "start vllm-1"]


def test_a_driver_that_does_not_load_hides_no_firmware_that_cannot_be_written():
    kernel = Kernel(SINCE_1_21, list(SINCE_1_21), locked=True, broken=True)
    with pytest.raises(FleetError, match=r"^Failed to update .*: flash is locked\..* Failed to load habanalabs: "):
        reload(kernel.machine, firmware=True)


def test_a_driver_that_was_not_built_for_this_kernel():
    with pytest.raises(FleetError, match=r"Failed to load habanalabs: .*not found.*headers must be installed"):
        reload(Kernel({}).machine)


def test_what_would_be_done_changes_nothing():
    kernel = Kernel(SINCE_1_21, ["habanalabs", "habanalabs_cn"])
    assert steps(kernel.machine, containers=["vllm-0"], firmware=True) == [
        "stop vllm-0",
        "unload habanalabs_cn",
        "unload habanalabs",
        "update the firmware",
        "load habanalabs",
        "start vllm-0",
    ]
    assert kernel.loaded == ["habanalabs", "habanalabs_cn"]
