# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators.gaudi_health import parse_ports, screen

CARDS = ("0000:19:00.0", "0000:b3:00.0")
UP = "port  0:        UP\nport  1:        UP\nport 10:        UP\n"
DOWN = "port  0:        UP\nport  1:        DOWN\nport 10:        DOWN\n"


def row(index, temperature=31, name="HL-225"):
    return (
        f"{index}, {7 - index}, {CARDS[index]}, {name}, 01P0-{index}, 98304, 768, {temperature}, 0, 0, 1.24.1-a1b2c3d\n"
    )


@pytest.fixture
def healthy(made):
    """Two Gaudi 2 with which all is well, and which nobody uses."""
    for index, card in enumerate(CARDS):
        made.file(f"sys/bus/pci/devices/{card}/status", "operational\n")
        made.file(f"sys/class/accel/accel{index}/.keep")
        os.symlink(made.root / "sys/bus/pci/devices" / card, made.root / f"sys/class/accel/accel{index}/device")
        made.file(f"dev/accel/accel{index}")
        made.prints(f"hl-smi -n link -i {card}", UP)
        made.prints(f"hl-smi -n ports -i {card}", "port  8:        external\nport 22:        external\n")
        made.prints(f"hl-smi -n link -i {card} -P 8,22", "port  8:        DOWN\nport 22:        UP\n")
    made.prints("hl-smi -Q", row(0) + row(1))
    return made


def told(found):
    return [f"{problem['thing']}: {problem['cause']}" for problem in found["problems"]]


def test_ports_as_hl_smi_writes_them():
    assert parse_ports(DOWN) == {0: "UP", 1: "DOWN", 10: "DOWN"}


def test_cards_with_which_all_is_well(healthy):
    found = screen(healthy.machine)
    assert found["problems"] == []
    assert found["cards"][1] == {
        "index": 1,
        "module_id": 6,
        "bus_id": "0000:b3:00.0",
        "name": "HL-225",
        "temperature_c": 31,
        "status": "operational",
        "busy": False,
        "acquire_error": None,
        "ports_down": [],
    }


def test_internal_ports_must_be_up_and_external_ones_where_they_are_asked_about(healthy):
    assert told(screen(healthy.machine, external_ports=True)) == [
        "Gaudi 0: these ports are down: 8",
        "Gaudi 1: these ports are down: 8",
    ]
    healthy.prints("hl-smi -n link -i 0000:b3:00.0", DOWN)
    assert told(screen(healthy.machine)) == ["Gaudi 1: these ports are down: 1, 10"]


@pytest.mark.parametrize(
    ("temperature", "name", "cause"),
    [
        (0, "HL-225", "its temperature is 0, which means that the card failed to initialise"),
        (82, "HL-225", None),
        (83, "HL-225", "it is at 83 °C, critical is 83"),
        (83, "HL-325", None),
    ],
)
def test_temperatures(healthy, temperature, name, cause):
    healthy.prints("hl-smi -Q", row(0) + row(1, temperature, name))
    assert told(screen(healthy.machine)) == ([f"Gaudi 1: {cause}"] if cause else [])


def test_of_a_card_that_failed_nothing_else_is_told(healthy):
    healthy.prints("hl-smi -Q", row(0) + row(1, 0))
    healthy.prints("hl-smi -n link -i 0000:b3:00.0", DOWN)
    assert len(told(screen(healthy.machine))) == 1


def test_a_status_that_is_not_operational(healthy):
    healthy.file("sys/bus/pci/devices/0000:19:00.0/status", "needs reset\n")
    assert told(screen(healthy.machine)) == ["Gaudi 0: the driver calls it needs reset"]


def test_a_card_that_cannot_be_acquired(healthy):
    (healthy.root / "dev/accel/accel0").unlink()
    (healthy.root / "sys/class/accel/accel1/device").unlink()
    assert told(screen(healthy.machine)) == [
        "Gaudi 0: it cannot be acquired: /dev/accel/accel0: No such file or directory",
        "Gaudi 1: it cannot be acquired: the driver made no device for it",
    ]


def test_a_card_in_use_is_left_alone(healthy):
    (healthy.root / "dev/accel/accel0").unlink()
    (healthy.root / "proc/4711/fd").mkdir(parents=True)
    os.symlink("/dev/accel/accel0", healthy.root / "proc/4711/fd/9")
    found = screen(healthy.machine)
    assert found["cards"][0]["busy"]
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("text", "status", "cause"),
    [
        ("habanalabs driver is not loaded or no AIPs available, aborting...\n", 1, "it says: habanalabs driver is not"),
        ("", 127, "there is no such command"),
    ],
)
def test_without_an_answer_of_hl_smi_there_are_no_cards(made, text, status, cause):
    made.prints("hl-smi -Q", text, status)
    found = screen(made.machine)
    assert found["cards"] == []
    assert told(found)[0].startswith(f"hl-smi: {cause}")
