# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Habana's own health screen looks at: can each card be acquired, is it too warm, are its ports up.

Thresholds are those of HabanaAI/Setup_and_Install, utils/intel_gaudi_health_screen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from . import hl_smi
from .gaudi import device_files, who_uses
from .machine import Machine
from .pci import DEVICES
from .problems import Problem, problem

PORT = re.compile(r"^port\s+(\d+):\s+(\S+)", re.MULTILINE)
CRITICAL_C, CRITICAL_GAUDI3_C = 83, 200
GAUDI3 = "HL-3"  # how the names of its boards begin
OPERATIONAL = "operational"


def screen(machine: Machine, external_ports: bool = False) -> dict[str, Any]:
    """``cards`` with what was found of each, and ``problems``.

    A card that nobody uses is acquired for a moment. Ports that lead out of the machine are looked at only with
    ``external_ports``: without a fabric between machines they are down.
    """
    answer = machine.run(*hl_smi.QUERY, timeout=60.0)
    devices, _version = hl_smi.parse_devices(answer.output)
    if not devices:
        said = answer.output.strip() or answer.complaint or "no devices"
        cause = "there is no such command" if answer.status == 127 else f"it says: {' '.join(said.split())[:200]}"
        return {"cards": [], "problems": [problem("hl-smi", cause, "Run the role inference.fleet.gaudi.")]}
    users = who_uses(machine)
    cards = [_card(machine, device, bool(users.get(device["bus_id"])), external_ports) for device in devices]
    return {"cards": cards, "problems": [found for card in cards for found in _problems(card)]}


def parse_ports(text: str) -> dict[int, str]:
    """What ``hl-smi -n ports`` or ``-n link`` says of each port: internal, external; UP, DOWN."""
    return {int(port): state for port, state in PORT.findall(text)}


def _card(machine: Machine, device: dict[str, Any], busy: bool, external_ports: bool) -> dict[str, Any]:
    bus_id = device["bus_id"]
    down = _down(machine.run("hl-smi", "-n", "link", "-i", bus_id).output)
    if external_ports:
        ports = parse_ports(machine.run("hl-smi", "-n", "ports", "-i", bus_id).output)
        outer = ",".join(str(port) for port, kind in ports.items() if kind == "external")
        if outer:
            down |= _down(machine.run("hl-smi", "-n", "link", "-i", bus_id, "-P", outer).output)
    return {
        **{key: device[key] for key in ("index", "module_id", "bus_id", "name", "temperature_c")},
        "status": machine.text(f"{DEVICES}/{bus_id}/status") or None,
        "busy": busy,
        "acquire_error": None if busy else _acquire(machine, bus_id),
        "ports_down": sorted(down),
    }


def _down(text: str) -> set[int]:
    return {port for port, state in parse_ports(text).items() if state == "DOWN"}


def _acquire(machine: Machine, bus_id: str) -> str | None:
    """Why the card cannot be opened; None where it can. The driver lets one process at a time."""
    node = next((node for node, card in device_files(machine).items() if card == bus_id), None)
    if node is None:
        return "the driver made no device for it"
    try:
        os.close(os.open(machine.root / node.lstrip("/"), os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{node}: {error.strerror}"
    return None


def _problems(card: dict[str, Any]) -> Iterator[Problem]:
    thing = f"Gaudi {card['index']}"
    temperature = card["temperature_c"]
    critical = CRITICAL_GAUDI3_C if str(card["name"]).startswith(GAUDI3) else CRITICAL_C
    if temperature == 0:
        yield problem(
            thing,
            "its temperature is 0, which means that the card failed to initialise",
            f"Try `hl-smi -r -i {card['bus_id']}`, then a power cycle; else have the card replaced.",
        )
        return
    if temperature is not None and temperature >= critical:
        yield problem(thing, f"it is at {temperature} °C, critical is {critical}", "Look at the machine's cooling.")
    if card["status"] not in (None, OPERATIONAL):
        yield problem(thing, f"the driver calls it {card['status']}", f"Reset it with `hl-smi -r -i {card['bus_id']}`.")
    if card["acquire_error"]:
        yield problem(
            thing,
            f"it cannot be acquired: {card['acquire_error']}",
            f"Reset it with `hl-smi -r -i {card['bus_id']}`, and look at `dmesg | grep habanalabs`.",
        )
    if card["ports_down"]:
        ports = ", ".join(str(port) for port in card["ports_down"])
        yield problem(
            thing,
            f"these ports are down: {ports}",
            "Look at `dmesg | grep habanalabs_cn`, reload the driver; then the machine needs its vendor.",
        )
