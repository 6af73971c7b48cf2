# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators.picture import picture
from ansible_collections.inference.fleet.plugins.module_utils.accelerators.preflight import (
    Needed,
    accelerator_problems,
    device_problems,
)

from .conftest import GPU
from .machines import output, with_cpus

CONTAINER = "0123456789abcdef" * 4


def problems(made, *needed):
    """What keeps the services off this machine, a line each."""
    return "\n".join(str(problem) for problem in accelerator_problems(needed, made.machine))


def test_devices_that_are_there_and_free(h200):
    assert problems(h200, Needed("hermes", "nvidia", [1])) == ""


def test_a_host_without_any(made):
    assert problems(made, Needed("hermes", "nvidia", [0]), Needed("qwen", "nvidia", [1])).startswith(
        "accelerators: there is no NVIDIA GPU on the PCI bus, and hermes, qwen need some."
    )
    assert "there is no Gaudi on the PCI bus, and hermes needs some" in problems(made, Needed("hermes", "gaudi", [0]))


def test_a_bare_host_has_devices_without_a_driver(made):
    made.pci("0000:19:00.0", "0x10de", GPU)
    assert problems(made, Needed("hermes", "nvidia", [0])) == ""
    assert problems(made, Needed("hermes", "nvidia", [0, 1, 2])) == (
        "devices of hermes: this host has no NVIDIA GPU 1 and 2; there is 0. Correct devices: of the service."
    )


def test_an_index_out_of_range(h200):
    assert problems(h200, Needed("hermes", "nvidia", [7])) == (
        "devices of hermes: this host has no NVIDIA GPU 7; there are 0, 1. Correct devices: of the service."
    )


def test_a_device_that_the_driver_lost(h200):
    h200.pci("0000:5e:00.0", "0x10de", GPU, driver="nvidia")
    assert problems(h200, Needed("hermes", "nvidia", [2])) == (
        "devices of hermes: this host has no NVIDIA GPU 2; there are 0, 1, though the PCI bus has 3. "
        "See what accelerator_info says of the driver."
    )


def test_whose_process_uses_it(h200):
    h200.file("proc/4711/status", "Uid:\t0\t0\t0\t0\n")
    assert problems(h200, Needed("hermes", "nvidia", [0])) == (
        "NVIDIA GPU 0, which hermes needs: VLLM::EngineCore (pid 4711, of root, 132470 MiB) uses it. "
        "Stop that, or give the service another device."
    )


@pytest.mark.parametrize(
    ("project", "told"),
    [
        pytest.param("vllm", "", id="our own instances use what they are described with, or will leave it"),
        pytest.param("jupyter", "in container lab, 132470 MiB) uses it", id="somebody else's container"),
    ],
)
def test_containers_that_use_it(h200, project, told):
    h200.file("proc/4711/cgroup", f"0::/system.slice/docker-{CONTAINER}.scope\n")
    labels = {"com.docker.compose.project": project}
    h200.answers["/containers/json"] = [{"Id": CONTAINER, "Names": ["/lab"], "Labels": labels}]
    found = problems(h200, Needed("hermes", "nvidia", [0]))
    assert (told in found) if told else found == ""


def test_several_models_in_one_service(h200):
    text = output("h200.xml").replace("<product_name>NVIDIA H200", "<product_name>NVIDIA L4", 1)
    h200.prints("nvidia-smi -q -x", text.replace("<type>C</type>", "<type>G</type>"))
    assert problems(h200, Needed("hermes", "nvidia", [0, 1])) == (
        "devices of hermes: they are of several models: 0 is NVIDIA L4, 1 is NVIDIA H200. Give it devices of one model."
    )
    assert problems(h200, Needed("hermes", "nvidia", [0]), Needed("qwen", "nvidia", [1])) == ""


def test_a_divided_gpu_where_a_whole_one_is_asked_for(made):
    made.pci("0000:01:00.0", "0x10de", GPU, driver="nvidia")
    made.prints("nvidia-smi -q -x", output("a100_mig.xml"))
    assert problems(made, Needed("hermes", "nvidia", [0])).startswith(
        "NVIDIA GPU 0, which hermes needs: MIG is on: it is divided into 2 instances. Turn it off with "
        "`nvidia-smi -i 0 -mig 0`"
    )


def test_a_gaudi_that_failed(gaudi):
    assert problems(gaudi, Needed("llama", "gaudi", [0, 1])) == ""
    assert "Gaudi 2, which llama needs: its temperature is 0" in problems(gaudi, Needed("llama", "gaudi", [2]))


def test_fewer_cores_than_processes(made):
    with_cpus(made, [[0, 1]])
    assert problems(made, Needed("a", "cpu"), Needed("b", "cpu")) == ""
    assert problems(made, Needed("a", "cpu", processes=2), Needed("b", "cpu")).startswith(
        "cores: this host has 2 cores for 2 services with 3 processes."
    )


def test_a_processor_that_vllm_does_not_run_on(made):
    with_cpus(made, [[0, 1]])
    made.file("proc/cpuinfo", "model name\t: An old Xeon\nflags\t\t: fpu sse4_2 avx\n")
    for processes in (1, 0):
        assert problems(made, Needed("a", "cpu", processes=processes)).startswith("processor: An old Xeon has no AVX2")


def test_a_gaudi_of_another_generation_than_the_model_was_calibrated_for(h200):
    found = picture("nvidia", h200.machine)["devices"][:1]
    found[0].update(name="HL-325", processes=[], temperature_c=31)
    assert not [*device_problems("gaudi", [Needed("chat", "gaudi", [0], generation="g3")], found, 1)]
    (problem,) = device_problems("gaudi", [Needed("chat", "gaudi", [0], generation="g2")], found, 1)
    assert "Gaudi 0, which chat needs: it is an HL-325, so g3, and its device_generation says g2." in str(problem)


def test_a_scheme_that_the_gpu_does_not_run_is_refused_with_those_that_it_runs(h200):
    assert problems(h200, Needed("hermes", "nvidia", [1], scheme="fp8_dynamic")) == ""
    for device in (found := picture("nvidia", h200.machine)["devices"]):
        device.update(compute_capability="12.0", name="RTX PRO 6000", processes=[])
    (problem,) = device_problems("nvidia", [Needed("hermes", "nvidia", [0], scheme="int8_w8a8")], found, 2)
    assert str(problem) == (
        "NVIDIA GPU 0, which hermes needs: vLLM does not run int8_w8a8 on a RTX PRO 6000 (compute capability 12.0). "
        "Set quantization to fp8_dynamic or fp8_static or fp8_block or fp8_kv or w4a16."
    )
