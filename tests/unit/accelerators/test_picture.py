# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators.picture import picture
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.shape import DEVICE

from .conftest import GPU, NVRM_OPEN, NVSWITCH, installed
from .machines import output, with_cpus

CONTAINER = "0123456789abcdef" * 4
SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def problems(made, kind="auto"):
    """What is wrong, as one text."""
    return "\n".join(f"{told['thing']}: {told['cause']}" for told in picture(kind, made.machine)["problems"])


def test_gpus_that_work(h200):
    found = picture("auto", h200.machine)
    assert (found["kind"], found["problems"]) == ("nvidia", [])
    assert [device["numa_node"] for device in found["devices"]] == [0, 1]
    assert [device["compute_capability"] for device in found["devices"]] == ["9.0", "9.0"]
    assert found["devices"][1]["links"] == {"0": "NV18"}
    driver = found["driver"]
    assert driver["loaded"] == driver["packaged"] == driver["library"] == "590.48.01"
    assert (driver["modules"], driver["module_signed"], driver["nouveau"]) == ("open", True, False)
    assert driver["held"] == ["nvidia-kernel-open-dkms"]


def test_all_kinds_have_one_shape(h200):
    gaudi, nvidia, cpu = (picture(kind, h200.machine) for kind in ("gaudi", "nvidia", "cpu"))
    assert list(gaudi) == list(nvidia) == list(cpu)
    assert set(gaudi["driver"]) == set(nvidia["driver"]) == set(cpu["driver"])
    assert set(nvidia["devices"][0]) == {*DEVICE, "processes"}


def test_whose_process_it_is(h200):
    h200.file("proc/4711/status", "Name:\tpython\nUid:\t0\t0\t0\t0\n")
    h200.file("proc/4711/cgroup", f"0::/system.slice/docker-{CONTAINER}.scope\n")
    labels = {"com.docker.compose.project": "vllm"}
    h200.answers["/containers/json"] = [{"Id": CONTAINER, "Names": ["/vllm-0-hermes"], "Labels": labels}]
    (process,) = picture("auto", h200.machine)["devices"][0]["processes"]
    assert (process["user"], process["container"], process["project"]) == ("root", "vllm-0-hermes", "vllm")


def test_a_process_of_a_container_that_the_engine_does_not_know(h200):
    h200.file("proc/4711/cgroup", f"0::/system.slice/docker-{CONTAINER}.scope\n")
    (process,) = picture("auto", h200.machine)["devices"][0]["processes"]
    assert (process["user"], process["container"], process["project"]) == (None, CONTAINER[:12], None)


def test_runtimes_are_the_engines(h200):
    h200.answers["/info"] = {"Runtimes": {"runc": {}, "nvidia": {}}}
    assert picture("auto", h200.machine)["docker_runtimes"] == ["nvidia", "runc"]


def test_a_bare_host_is_known_by_its_pci_devices(made):
    made.pci("0000:3b:00.0", "0x10de", GPU)
    made.pci("0000:19:00.0", "0x10de", GPU)
    made.pci("0000:00:1f.0", "0x8086", "0x060100")
    made.pci("0000:07:00.0", "0x10de", "0x040300")  # the sound of a graphics card
    found = picture("auto", made.machine)
    assert [(device["index"], device["bus_id"]) for device in found["devices"]] == [
        (0, "0000:19:00.0"),
        (1, "0000:3b:00.0"),
    ]
    assert found["driver"]["loaded"] is None
    assert "nvidia-smi: there is no such command" in problems(made)
    assert "driver: none is loaded, though the GPUs are on the PCI bus" in problems(made)


def test_libraries_of_another_version(h200):
    h200.file("proc/driver/nvidia/version", NVRM_OPEN.format("580.82.07"))
    h200.prints("nvidia-smi -q -x", "Failed to initialize NVML: Driver/library version mismatch\n", status=18)
    assert "580.82.07 is loaded into the kernel, the libraries are 590.48.01" in problems(h200)
    assert "driver: 580.82.07 is loaded, 590.48.01 is installed" in problems(h200)
    assert len(picture("auto", h200.machine)["devices"]) == 2


def test_a_driver_that_is_not_loaded(h200):
    (h200.root / "proc/driver/nvidia/version").unlink()
    complaint = (
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest "
        "NVIDIA driver is installed and running.\n"
    )
    h200.prints("nvidia-smi -q -x", complaint, status=9)
    assert problems(h200) == "driver: none is loaded, though the GPUs are on the PCI bus"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No devices were found\n", "GPUs: nvidia-smi finds none of those on the PCI bus"),
        (
            "Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error\n",
            "GPUs: nvidia-smi says: Unable to determine the device handle for GPU0000:3B:00.0",
        ),
        ("Segmentation fault\n", "nvidia-smi: it says: Segmentation fault"),
    ],
)
def test_other_complaints(h200, said, told):
    h200.prints("nvidia-smi -q -x", said, status=6)
    assert told in problems(h200)


def test_nouveau(made):
    made.pci("0000:19:00.0", "0x10de", GPU, driver="nouveau")
    made.file("sys/module/nouveau/refcnt", "1\n")
    assert "nouveau: it drives the GPUs" in problems(made)


@pytest.mark.parametrize(
    ("secure_boot", "modinfo", "told"),
    [
        pytest.param(b"\x06\0\0\0\x01", "license:        NVIDIA\n", True, id="unsigned"),
        pytest.param(b"\x06\0\0\0\x01", "license:        NVIDIA\nsigner:         a key\n", False, id="signed"),
        pytest.param(b"\x06\0\0\0\x00", "license:        NVIDIA\n", False, id="off"),
    ],
)
def test_secure_boot_with_a_module_that_is_not_signed(h200, secure_boot, modinfo, told):
    h200.file(SECURE_BOOT).write_bytes(secure_boot)
    h200.prints("modinfo nvidia", modinfo)
    assert ("Secure Boot: it is on" in problems(h200)) is told


def test_modules_of_debian_have_names_of_their_own(made):
    made.pci("0000:19:00.0", "0x10de", GPU)
    made.file(SECURE_BOOT).write_bytes(b"\x06\0\0\0\x01")
    made.prints("modinfo nvidia-current-open", "license:        Dual MIT/GPL\n")
    assert "Secure Boot: it is on" in problems(made)


@pytest.mark.parametrize(
    ("certificate", "said", "told"),
    [
        pytest.param("var/lib/dkms/mok.pub", "/var/lib/dkms/mok.pub is not enrolled", True, id="unknown"),
        pytest.param("var/lib/shim-signed/mok/MOK.der", "X is already in the enrollment request", True, id="waiting"),
        pytest.param("var/lib/dkms/mok.pub", "/var/lib/dkms/mok.pub is already enrolled", False, id="enrolled"),
        pytest.param("var/lib/dkms/mok.pub", None, False, id="no mokutil"),
    ],
)
def test_secure_boot_with_a_key_that_is_not_enrolled(h200, certificate, said, told):
    h200.file(SECURE_BOOT).write_bytes(b"\x06\0\0\0\x01")
    h200.file(certificate).write_bytes(b"\x30\x82DKMS module signing key\xff")
    if said:
        h200.prints(f"mokutil --test-key /{certificate}", f"{said}\n")
    assert (f"the key /{certificate}, with which the kernel module nvidia is signed" in problems(h200)) is told
    h200.file(SECURE_BOOT).write_bytes(b"\x06\0\0\0\x00")
    assert problems(h200) == ""


def test_secure_boot_with_a_module_that_another_signed(h200):
    h200.file(SECURE_BOOT).write_bytes(b"\x06\0\0\0\x01")
    h200.file("var/lib/dkms/mok.pub").write_bytes(b"\x30\x82this machine's own key\xff")
    h200.prints("mokutil --test-key /var/lib/dkms/mok.pub", "/var/lib/dkms/mok.pub is not enrolled\n")
    assert "is not enrolled" not in problems(h200)


def test_secure_boot_where_nobody_knows(h200):
    assert picture("nvidia", h200.machine)["driver"]["secure_boot"] is False
    h200.file("sys/firmware/efi/systab")
    assert picture("nvidia", h200.machine)["driver"]["secure_boot"] is None


@pytest.mark.parametrize(
    ("package", "told"),
    [
        ("", "fabric manager: there is none, and 2 NVSwitches are on the PCI bus"),
        (installed("nvidia-fabricmanager", "590.44.01-1"), "fabric manager: it is 590.44.01, the driver 590.48.01"),
        (installed("nvidia-fabricmanager", "590.48.01-1"), ""),
    ],
)
def test_a_fabric_manager_of_another_version(h200, package, told):
    for bus_id in ("0000:05:00.0", "0000:06:00.0"):
        h200.pci(bus_id, "0x10de", NVSWITCH)
    h200.prints("dpkg-query", installed("nvidia-kernel-open-dkms", "590.48.01-1") + package)
    found = problems(h200)
    assert (told in found) if told else "fabric manager" not in found


def test_a_board_whose_nvswitches_are_behind_bridges(h200):
    """HGX B200: beside the bridges there are network cards of the same model."""
    for bus_id, name in (("0000:05:00.0", "SMDL=SW_MNG"), ("0000:06:00.0", "a network card")):
        h200.pci(bus_id, "0x15b3", "0x020700", device="0x1021", driver="mlx5_core")
        h200.file(f"sys/bus/pci/devices/{bus_id}/vpd", f"\x82\x2d{name}")
    driver = picture("auto", h200.machine)["driver"]
    assert (driver["nvswitches"], driver["nvswitch_bridges"]) == (0, 1)
    assert "fabric manager: there is none, and 1 bridge to NVSwitches is on the PCI bus" in problems(h200)


def test_libraries_where_debian_has_them(h200):
    folder = h200.root / "usr/lib/x86_64-linux-gnu"
    (folder / "libnvidia-ml.so.590.48.01").unlink()
    h200.file("usr/lib/x86_64-linux-gnu/nvidia/current/libnvidia-ml.so.550.163.01")
    h200.file("usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1")
    assert picture("auto", h200.machine)["driver"]["library"] == "550.163.01"


def test_faults_that_the_driver_reported(h200):
    h200.prints("dmesg", "[   12.3] NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.\n")
    assert problems(h200) == "GPU at 0000:3b:00: the driver reported Xid 79 since the last boot"


def test_memory_that_fails(h200):
    h200.prints("nvidia-smi -q -x", output("h200.xml").replace("<dram_uncorrectable>0<", "<dram_uncorrectable>2<"))
    assert "GPU 1: 2 memory errors could not be corrected" in problems(h200)


def test_a_gpu_that_the_driver_lost(h200):
    h200.pci("0000:5e:00.0", "0x10de", GPU, driver="nvidia")
    assert "GPUs: 1 GPU is on the PCI bus (0000:5e:00.0) that nvidia-smi does not list" in problems(h200)


def test_a_specification_for_containers_of_an_earlier_driver(h200):
    os.utime(h200.file("etc/cdi/nvidia.yaml", output("cdi.txt")), (1758615300, 1758615300))
    found = picture("nvidia", h200.machine)
    assert found["cdi"] == {
        "path": "/etc/cdi/nvidia.yaml",
        "devices": ["nvidia.com/gpu=0", "nvidia.com/gpu=all"],
        "driver": "580.82.07",
        "made": "2025-09-23T08:15:00+00:00",
        "stale": True,
    }
    assert "CDI specification: /etc/cdi/nvidia.yaml was made for driver 580.82.07, 590.48.01 is installed" in problems(
        h200
    )


def test_gaudis_that_work_and_one_that_failed(gaudi):
    found = picture("auto", gaudi.machine)
    assert (found["kind"], [device["module_id"] for device in found["devices"]]) == ("gaudi", [3, 0, 7])
    assert found["driver"]["loaded"] == "1.22.1-f8f0b2c"
    assert found["driver"]["firmware"] == "hl-gaudi2-1.22.1-fw-61.4.2-sec-9"
    told = problems(gaudi).splitlines()
    assert told == [
        "Gaudi 1: 1 memory errors could not be corrected",
        "Gaudi 2: its temperature is 0, which means that the card failed to initialise",
    ]


def test_who_holds_a_gaudi(gaudi):
    gaudi.file("sys/devices/pci/0000:b3:00.0/vendor")
    gaudi.file("sys/class/accel/accel1/.keep")
    os.symlink(gaudi.root / "sys/devices/pci/0000:b3:00.0", gaudi.root / "sys/class/accel/accel1/device")
    gaudi.file("proc/4711/comm", "python3\n")
    (gaudi.root / "proc/4711/fd").mkdir()
    os.symlink("/dev/accel/accel1", gaudi.root / "proc/4711/fd/9")
    devices = picture("auto", gaudi.machine)["devices"]
    assert [[process["name"] for process in device["processes"]] for device in devices] == [[], ["python3"], []]


def test_gaudis_whose_driver_is_not_loaded(gaudi):
    (gaudi.root / "sys/module/habanalabs/version").unlink()
    gaudi.prints("hl-smi", "habanalabs driver is not loaded\n", status=1)
    gaudi.commands.pop("hl-smi -Q")
    assert "driver: hl-smi says: habanalabs driver is not loaded" in problems(gaudi)
    assert "driver: none is loaded, though 3 Gaudis are on the PCI bus" in problems(gaudi)


def test_a_gaudi_driver_that_is_not_the_installed_one(gaudi):
    gaudi.prints("dpkg-query", installed("habanalabs-dkms", "1.23.0-12"))
    assert "driver: 1.22.1-f8f0b2c is loaded, 1.23.0-12 is installed" in problems(gaudi)


@pytest.mark.parametrize(
    ("kind", "told"), [("nvidia", "there is no NVIDIA GPU"), ("gaudi", "there is none"), ("cpu", "")]
)
def test_a_machine_with_nothing(made, kind, told):
    found = picture(kind, made.machine)
    assert (found["kind"], found["devices"]) == (kind, [])
    assert (told in problems(made, kind)) if told else not found["problems"]


def test_processors_with_two_threads_a_core(made):
    with_cpus(made, [[0, 1, 4, 5], [2, 3, 6, 7]], threads_of_core=2)
    cpu = picture("cpu", made.machine)["cpu"]
    assert (cpu["sockets"], cpu["cores"], cpu["threads"], cpu["model"]) == (2, 4, 8, "A Xeon")
    assert cpu["numa"][1] == {
        "node": 1,
        "cpus": "2-3,6-7",
        "cores": [[2, 6], [3, 7]],
        "memory_mib": 65536,
        "free_mib": 32784,
    }
    assert (cpu["features"]["amx_bf16"], cpu["features"]["amx_int8"]) == (True, False)


def test_a_machine_that_is_itself_limited(made):
    with_cpus(made, [[0, 1, 2, 3], [4, 5, 6, 7]], allowed="1-2")
    made.file("sys/fs/cgroup/cpu.max", "150000 100000\n")
    made.file("sys/fs/cgroup/memory.max", f"{8 * 1024**3}\n")
    cpu = picture("cpu", made.machine)["cpu"]
    assert [(node["node"], node["cpus"]) for node in cpu["numa"]] == [(0, "1-2")]
    assert cpu["limits"] == {"cpus": 1.5, "memory_mib": 8192}


def test_a_kernel_without_numa_is_one_node(made):
    made.file("proc/self/status", "Cpus_allowed_list:\t0-1\n")
    made.file("proc/meminfo", f"MemTotal: {4096 * 1024} kB\nMemFree: 1024 kB\n")
    (node,) = picture("cpu", made.machine)["cpu"]["numa"]
    assert node == {"node": 0, "cpus": "0-1", "cores": [[0], [1]], "memory_mib": 4096, "free_mib": 1}


def test_this_machine_has_processors():
    assert picture("cpu")["cpu"]["cores"] > 0
