# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel modules of Gaudis out and in again, with the firmware updated in between.

Order and commands are those of Habana's Installation Guide, "Firmware Upgrade". It has two orders, by the driver's
release; which one holds is seen from what the kernel says is in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..docker.cli import docker
from ..errors import FleetError
from .machine import Machine

# As they are loaded. habanalabs_compat came with 1.21, habanalabs_ib is for Gaudi 2 and 3.
MODULES = ("habanalabs_compat", "habanalabs", "habanalabs_cn", "habanalabs_en", "habanalabs_ib")
DRIVER = "habanalabs"
LOADED_WITHIN = 300.0  # seconds; eight cards boot their firmware
UPDATED_WITHIN = 1800.0  # seconds; writing the flash of one card takes minutes, and all are written at once
STOPPED_WITHIN = 120.0  # seconds


def reload(machine: Machine, *, containers: Iterable[str] = (), firmware: bool = False, load: bool = True) -> list[str]:
    """What was done, step by step: modules out, ``firmware`` updated, modules in.

    ``containers`` use the cards; they are stopped before and started afterwards, whatever happens in between. Without
    ``load`` the modules stay out, and the containers stopped. Raises FleetError when a module stays in use, cannot be
    loaded, or the firmware cannot be written: the first failure, and behind it those on the way back.
    """
    done: list[str] = []
    stopped: list[str] = []
    failures: list[FleetError] = []
    try:
        with _noting(failures):
            for name in containers:
                docker("stop", name, attempted="Failed to free the Gaudis", timeout=STOPPED_WITHIN)
                stopped.append(name)
                done.append(f"stopped {name}")
            unload(machine, done)
            if firmware:
                _update_firmware(machine, done)
    finally:
        if load:
            with _noting(failures):
                load_all(machine, done)
            for name in stopped:
                with _noting(failures):
                    docker("start", name, attempted=f"Failed to start {name} again", timeout=STOPPED_WITHIN)
                    done.append(f"started {name}")
    if failures:
        first, *others = failures
        next_steps = [first.next_step, *map(str, others)]
        raise FleetError(first.attempted, first.cause, " ".join(filter(None, next_steps))) from first
    return done


def steps(machine: Machine, *, containers: Iterable[str] = (), firmware: bool = False, load: bool = True) -> list[str]:
    """What ``reload`` would do."""
    names = list(containers)
    return [
        *(f"stop {name}" for name in names),
        *(f"unload {name}" for name in reversed(MODULES) if name in loaded(machine)),
        *(["update the firmware"] if firmware else []),
        *(["load habanalabs"] if load else []),
        *(f"start {name}" for name in names if load),
    ]


def unload(machine: Machine, done: list[str]) -> None:
    """All modules out, each once nothing uses it any more."""
    while users := loaded(machine):
        free = [name for name in reversed(MODULES) if users.get(name) == 0]
        if not free:
            named = ", ".join(f"{name} ({count} uses)" for name, count in users.items())
            raise FleetError("Failed to unload Gaudi's driver", f"all of it is in use: {named}", "Look at `hl-smi`.")
        outcome = machine.run("modprobe", "--remove", free[0], timeout=LOADED_WITHIN)
        if outcome.status != 0:
            raise FleetError(
                f"Failed to unload {free[0]}",
                outcome.complaint or f"modprobe ended with {outcome.status}",
                "Stop what uses the cards (`hl-smi` lists it), or reboot.",
            )
        done.append(f"unloaded {free[0]}")


def load_all(machine: Machine, done: list[str]) -> None:
    """All modules in; those that this release of the driver does not have are left out."""
    for name in MODULES:
        if name in loaded(machine):
            continue
        outcome = machine.run("modprobe", name, timeout=LOADED_WITHIN)
        if outcome.status == 0:
            done.append(f"loaded {name}")
        elif name == DRIVER or "not found" not in outcome.complaint:
            missing = "not found" in outcome.complaint
            raise FleetError(
                f"Failed to load {name}",
                outcome.complaint or f"modprobe ended with {outcome.status}",
                "Is it built for the running kernel? Look at `dkms status`; the kernel's headers must be installed."
                if missing
                else "Look at `dmesg | grep habanalabs`.",
            )


def loaded(machine: Machine) -> dict[str, int]:
    """How often each loaded module is used."""
    return parse_lsmod(machine.run("lsmod").output)


def parse_lsmod(text: str) -> dict[str, int]:
    """Gaudi's modules among the lines of name, size, uses and users."""
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: int(row[2]) for row in rows if len(row) > 2 and row[0] in MODULES}


def _update_firmware(machine: Machine, done: list[str]) -> None:
    outcome = machine.run("hl-fw-loader", "-y", timeout=UPDATED_WITHIN)
    if outcome.status != 0:
        lines = (outcome.complaint or outcome.output).strip().splitlines()
        raise FleetError(
            "Failed to update the firmware of the Gaudis",
            lines[-1] if lines else f"hl-fw-loader ended with {outcome.status}",
            "Run hl-fw-loader by hand, with the driver unloaded.",
        )
    done.append("updated the firmware")


@contextmanager
def _noting(failures: list[FleetError]) -> Iterator[None]:
    """What fails is added to ``failures``, and what comes next goes on."""
    try:
        yield
    except FleetError as error:
        failures.append(error)
