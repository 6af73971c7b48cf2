# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml

from ansible_collections.inference.fleet.plugins.module_utils.accelerators import hl_smi, nvidia_smi
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.cdi import is_stale, parse_cdi
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.driver import parse_nvrm, parse_xid, upstream
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

from .conftest import NVRM_OPEN
from .machines import OUTPUTS, output


def test_every_output_says_where_its_form_is_from():
    index = yaml.safe_load(output("index.yml"))
    assert sorted(index) == sorted(path.name for path in OUTPUTS.iterdir() if path.name != "index.yml")
    assert all(set(entry) == {"prints", "form"} for entry in index.values())


def test_gpus_of_a_machine_with_two():
    (first, second), driver = nvidia_smi.parse_xml(output("h200.xml"))
    assert (first["index"], first["bus_id"], first["memory_mib"]) == (0, "0000:19:00.0", 143771)
    assert first["processes"] == [{"pid": 4711, "name": "VLLM::EngineCore", "memory_mib": 132470}]
    assert first["mig"] == {"enabled": False, "instances": []}
    assert (second["index"], second["bus_id"], second["temperature_c"]) == (1, "0000:3b:00.0", 29)
    assert driver == {"loaded": "590.48.01", "cuda": "13.1", "firmware": "590.48.01", "persistence": True}


def test_a_warning_after_the_document_hides_no_gpu():
    text = output("h200.xml") + "WARNING: infoROM is corrupted at gpu 0000:19:00.0\n"
    assert nvidia_smi.parse_xml(text) == nvidia_smi.parse_xml(output("h200.xml"))


def test_memory_errors_since_the_driver_was_loaded_however_finely_they_are_counted():
    """Not those of the card's whole life, of which every output has 7."""
    text = output("h200.xml").replace("<sram_uncorrectable_parity>0<", "<sram_uncorrectable_parity>3<")
    _first, second = nvidia_smi.parse_xml(text)[0]
    assert second["ecc_errors"] == {"corrected": 8, "uncorrected": 3}
    ((t4,), _driver) = nvidia_smi.parse_xml(output("t4.xml"))
    assert t4["ecc_errors"] == {"corrected": 0, "uncorrected": 0}


def test_a_divided_gpu():
    ((gpu,), _driver) = nvidia_smi.parse_xml(output("a100_mig.xml"))
    assert gpu["mig"]["enabled"]
    assert gpu["mig"]["instances"][1] == {"gpu_instance": 4, "compute_instance": 0, "memory_mib": 19968}


def test_who_only_draws_is_in_nobodys_way():
    ((gpu,), _driver) = nvidia_smi.parse_xml(output("gb10.xml").replace("<type>C</type>", "<type>G</type>"))
    assert gpu["processes"] == []


def test_a_gpu_that_shares_the_hosts_memory():
    ((gpu,), driver) = nvidia_smi.parse_xml(output("gb10.xml"))
    assert (gpu["memory_mib"], gpu["memory_used_mib"], gpu["unified_memory"]) == (None, None, True)
    assert (gpu["mig"], gpu["ecc_errors"], gpu["bus_id"]) == (None, None, "000f:01:00.0")
    assert gpu["processes"][0]["memory_mib"] == 19135
    assert driver["cuda"] == "13.0"


def test_an_old_driver_without_firmware_of_its_own():
    ((gpu,), driver) = nvidia_smi.parse_xml(output("t4.xml"))
    assert (gpu["name"], gpu["unified_memory"]) == ("Tesla T4", False)
    assert (driver["firmware"], driver["persistence"]) == (None, False)


def test_what_is_not_xml_is_quoted():
    with pytest.raises(FleetError) as refused:
        nvidia_smi.parse_xml("Failed to initialize NVML: Driver/library version mismatch\n")
    assert refused.value.cause == "Failed to initialize NVML: Driver/library version mismatch"


def test_compute_capability():
    assert nvidia_smi.parse_query(output("h200_query.csv"))["GPU-00000000-0000-0000-0000-000000000002"] == "9.0"
    assert nvidia_smi.parse_query(output("unknown_query.csv")) == {}
    assert nvidia_smi.parse_query('Field "compute_cap" is not a valid field to query.\n') == {}


def test_links_between_gpus_and_not_those_to_network_cards():
    assert nvidia_smi.parse_topology(output("h200_topology.txt")) == {0: {"1": "NV18"}, 1: {"0": "NV18"}}
    assert nvidia_smi.parse_topology("") == {}


def test_gaudis_have_an_index_and_a_place():
    devices, version = hl_smi.parse_devices(output("gaudi2.csv"))
    assert [(device["index"], device["module_id"], device["bus_id"]) for device in devices] == [
        (0, 3, "0000:19:00.0"),
        (1, 0, "0000:b3:00.0"),
        (2, 7, "0000:1a:00.0"),
    ]
    assert devices[1]["ecc_errors"] == {"corrected": 4, "uncorrected": 1}
    assert (devices[2]["temperature_c"], devices[2]["memory_mib"], version) == (0, 98304, "1.22.1-f8f0b2c")


def test_a_gaudi_that_does_not_say():
    row = ", ".join(["0", "N/A", "0000:19:00.0", "HL-225", "[N/A]", *["N/A"] * 6])
    ((device,), version) = hl_smi.parse_devices(row + "\nsome advice that has nothing to do with it\n")
    known = {"index": 0, "bus_id": "0000:19:00.0", "name": "HL-225"}
    assert {name: value for name, value in device.items() if value is not None} == known
    assert version is None


def test_firmware_of_gaudis():
    assert hl_smi.parse_firmware(output("gaudi2_list.txt")) == "hl-gaudi2-1.22.1-fw-61.4.2-sec-9"
    assert hl_smi.parse_firmware("") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(NVRM_OPEN.format("580.95.05"), ("580.95.05", "open"), id="open"),
        pytest.param(
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n",
            ("535.129.03", "proprietary"),
            id="proprietary",
        ),
        pytest.param(NVRM_OPEN.format("565.77"), ("565.77", "open"), id="of two numbers"),
        pytest.param("", (None, None), id="not loaded"),
    ],
)
def test_what_is_loaded(text, expected):
    assert parse_nvrm(text) == expected


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("580.95.05-1", "580.95.05"),
        ("1:580.95.05-0ubuntu1", "580.95.05"),
        ("550.163.01-2", "550.163.01"),
        ("580-1", None),
        (None, None),
    ],
)
def test_the_vendors_number_in_a_packages_version(version, number):
    assert upstream(version) == number


def test_xid_errors():
    log = (
        "[Sun Feb 23 16:24:18 2025] NVRM: Xid (PCI:0000:9B:00): 119, pid=4711, name=python, Timeout after 6s\n"
        "[Sun Feb 23 16:24:19 2025] nvidia-modeset: Loading\n"
        "[   12.345678] NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.\n"
    )
    assert [(error["bus_id"], error["code"]) for error in parse_xid(log)] == [("0000:9b:00", 119), ("0000:3b:00", 79)]


def test_a_cdi_specification():
    found = parse_cdi(output("cdi.txt"))
    assert found == {
        "kind": "nvidia.com/gpu",
        "devices": ["nvidia.com/gpu=0", "nvidia.com/gpu=all"],
        "driver": "580.82.07",
    }


def test_a_cdi_specification_in_json():
    text = '{"cdiVersion":"0.5.0","kind":"nvidia.com/gpu","devices":[{"name":"0","containerEdits":{}}]}'
    assert parse_cdi(text) == {"kind": "nvidia.com/gpu", "devices": ["nvidia.com/gpu=0"], "driver": None}


@pytest.mark.parametrize("text", ["", "a: b\n", "{", '{"kind": "nvidia.com/gpu"}'])
def test_what_is_no_cdi_specification(text):
    assert parse_cdi(text) is None


@pytest.mark.parametrize(
    ("driver", "library", "made", "installed", "stale"),
    [
        pytest.param("580.82.07", "580.82.07", 1, 2, False, id="the versions say that it is right"),
        pytest.param("580.82.07", "580.95.05", 2, 1, True, id="the versions say that it is not"),
        pytest.param(None, "580.95.05", 1, 2, True, id="it says no version and is older than the package"),
        pytest.param(None, "580.95.05", 2, 1, False, id="it says no version and is newer"),
        pytest.param(None, None, 1, None, False, id="nothing is known"),
    ],
)
def test_when_a_specification_is_stale(driver, library, made, installed, stale):
    assert is_stale({"driver": driver, "made": made}, library, installed) is stale
