#!/usr/bin/python
# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take one picture of a host's accelerators."""

from __future__ import annotations

DOCUMENTATION = r"""
module: accelerator_info
short_description: Take one picture of a host's accelerators
description:
  - Gathers in one round trip what there is to know of NVIDIA GPUs, Gaudis or CPUs, of the driver as it is loaded and as
    it is packaged, and of what containers get to see of them. The shape is the same for all three.
  - Works where tools are missing or the driver is broken, and says so in RV(problems). Devices are then those on the
    PCI bus.
  - What does not apply, or what a tool answers with C([N/A]), is V(null).
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
extends_documentation_fragment:
  - inference.fleet.info
options:
  kind:
    description:
      - Which accelerators to look for.
      - V(auto) takes Gaudis, then NVIDIA GPUs, where they are on the PCI bus, and else the CPU.
    type: str
    choices: [auto, nvidia, gaudi, cpu]
    default: auto
"""

EXAMPLES = r"""
- name: See what this host computes with
  inference.fleet.accelerator_info:
  register: accelerators

- name: Stop where something is wrong with it
  ansible.builtin.assert:
    that: accelerators.problems | length == 0
    fail_msg: "{{ accelerators.problems }}"
"""

RETURN = r"""
kind:
  description: V(nvidia), V(gaudi) or V(cpu).
  returned: success
  type: str
  sample: nvidia
devices:
  description: The accelerators, in the order of their indexes; none of kind V(cpu).
  returned: success
  type: list
  elements: dict
  contains:
    index:
      description:
        - The number by which the vendor's tools and container runtime know it; its place on the PCI bus where the
          tools do not work.
      type: int
    uuid:
      description: What stays the same when indexes change.
      type: str
    name:
      description: Model, as the tool names it.
      type: str
    memory_mib:
      description: Memory; V(null) where it is the host's own (C(unified_memory)).
      type: int
    memory_used_mib:
      description: How much of it is in use.
      type: int
    unified_memory:
      description: The device has no memory of its own and shares the host's, as in a DGX Spark.
      type: bool
    bus_id:
      description: PCI address, as C(/sys) writes it.
      type: str
    module_id:
      description: Place on the board, of a Gaudi. It is not the index.
      type: int
    compute_capability:
      description: Of an NVIDIA GPU.
      type: str
    numa_node:
      description: The node that it is attached to; V(null) where the host has but one.
      type: int
    links:
      description: How it reaches each other GPU, by index; C(NV18) are 18 NVLinks, C(SYS) crosses sockets.
      type: dict
    mig:
      description: Whether the GPU is C(enabled) to be divided, and the C(instances); V(null) where it cannot be.
      type: dict
    ecc_errors:
      description: Memory errors since the driver was loaded, C(corrected) and C(uncorrected).
      type: dict
    temperature_c:
      description: Temperature. A Gaudi at 0 has failed.
      type: int
    processes:
      description:
        - Who computes on it. C(container) is the process's container and C(project) that's compose project, V(null)
          where it has none.
      type: list
      elements: dict
  sample:
    - index: 0
      uuid: GPU-4a1ff3ae-3a2b-9d1f-5e0c-2f5d0b8f4c11
      name: NVIDIA H200
      memory_mib: 143771
      memory_used_mib: 132480
      unified_memory: false
      bus_id: "0000:19:00.0"
      module_id: null
      compute_capability: "9.0"
      numa_node: 0
      links: {"1": NV18}
      mig: {enabled: false, instances: []}
      ecc_errors: {corrected: 0, uncorrected: 0}
      temperature_c: 31
      processes:
        - pid: 4711
          name: "VLLM::EngineCore"
          memory_mib: 132470
          user: "10001"
          container: vllm-0-hermes-gpu-a
          project: vllm
driver:
  description:
    - The driver. C(loaded) is the version in the kernel, C(packaged) the installed one, C(library) that of the
      user-space libraries; on NVIDIA these three and C(fabric_manager) must be equal.
    - C(packages) are all of the vendor's that are installed, C(held) those of them that are held.
    - C(modules) are V(open) or V(proprietary). C(cuda) is the newest CUDA that the driver can run.
    - C(secure_boot) is V(null) where EFI does not say; C(module_signed) is about the module that the running kernel
      would load, V(null) where there is none. C(unenrolled_key) is the certificate of the machine's own key with which
      it is signed, where Secure Boot is on and the firmware does not trust it.
    - C(nouveau) says whether that driver is loaded.
    - C(xid) are the last faults that the driver reported since the last boot. C(nvswitches) are those on the PCI bus.
      Those of NVLink 5 are not, but C(nvswitch_bridges) to them.
  returned: success
  type: dict
  sample:
    loaded: 580.95.05
    packaged: 580.95.05
    packages: {nvidia-kernel-open-dkms: 580.95.05-1, nvidia-fabricmanager: 580.95.05-1}
    held: [nvidia-kernel-open-dkms, nvidia-fabricmanager]
    modules: open
    library: 580.95.05
    fabric_manager: 580.95.05
    cuda: "13.0"
    firmware: 580.95.05
    nouveau: false
    persistence: true
    xid:
      - {bus_id: "0000:9b:00", code: 79, text: "pid='<unknown>', name=<unknown>, GPU has fallen off the bus."}
    secure_boot: false
    module_signed: true
    unenrolled_key: null
    nvswitches: 4
    nvswitch_bridges: 0
cdi:
  description:
    - The specification by which containers get NVIDIA GPUs; V(null) without one.
    - C(driver) is the version that it was made for, C(made) when its file was written; C(stale) says that this is not
      what is installed any more.
  returned: success
  type: dict
  sample:
    path: /var/run/cdi/nvidia.yaml
    devices: [nvidia.com/gpu=0, nvidia.com/gpu=all]
    driver: 580.95.05
    made: "2026-03-02T09:41:07+00:00"
    stale: false
docker_runtimes:
  description: Container runtimes that Docker's engine knows; none where no engine runs.
  returned: success
  type: list
  elements: str
  sample: [io.containerd.runc.v2, nvidia, runc]
cpu:
  description:
    - The processors, whatever the kind. C(cores) in C(numa) are the physical ones, each as its threads; only what this
      host's own processes may use is listed. C(limits) are those of a control group around the host.
    - C(features) are the instruction sets that matter to vLLM.
  returned: success
  type: dict
  sample:
    model: Intel(R) Xeon(R) Platinum 8480+
    architecture: x86
    sockets: 1
    cores: 2
    threads: 4
    numa:
      - {node: 0, cpus: 0-3, cores: [[0, 2], [1, 3]], memory_mib: 515650, free_mib: 498122}
    features:
      avx2: true
      avx512f: true
      avx512_bf16: true
      avx512_vnni: true
      amx_tile: true
      amx_bf16: true
      amx_int8: true
      asimd: false
      bf16: false
      i8mm: false
      sve: false
    limits: {cpus: null, memory_mib: null}
    huge_pages: {size_kib: 2048, total: 0, free: 0}
problems:
  description: What is wrong, in plain words; empty where nothing is.
  returned: success
  type: list
  elements: dict
  sample:
    - thing: driver
      cause: "driver/library version mismatch: 580.82.07 is loaded into the kernel, the libraries are 580.95.05"
      next_step: Reboot, or unload the old modules with nothing using the GPUs; then hold the packages.
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.accelerators.picture import KINDS, picture


def main() -> None:
    module = AnsibleModule(
        argument_spec={"kind": {"type": "str", "choices": ["auto", *KINDS], "default": "auto"}},
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **picture(module.params["kind"]))


if __name__ == "__main__":
    main()
