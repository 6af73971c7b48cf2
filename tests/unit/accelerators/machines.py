# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines made of files, of what commands print, and of what an engine answers."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.inference.fleet.plugins.module_utils.accelerators.machine import MISSING, Machine
from ansible_collections.inference.fleet.plugins.module_utils.local_command import Outcome

OUTPUTS = Path(__file__).parent / "outputs"


def output(name):
    """What a tool prints, from the folder ``outputs``."""
    return (OUTPUTS / name).read_text(encoding="utf-8")


class MadeMachine:
    """A machine below a temporary folder. Commands are known by their first words."""

    def __init__(self, root):
        self.root = root
        self.commands = {}
        self.answers = {}

    @property
    def machine(self):
        return Machine(root=self.root, run=self._run, engine=self.answers.get)

    def file(self, path, text=""):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def pci(self, bus_id, vendor, pci_class, device="0x2335", driver=None, numa_node="-1"):
        folder = f"sys/bus/pci/devices/{bus_id}"
        for name, text in {"vendor": vendor, "class": pci_class, "device": device, "numa_node": numa_node}.items():
            self.file(f"{folder}/{name}", f"{text}\n")
        if driver:
            os.symlink(f"../../../bus/pci/drivers/{driver}", self.root / folder / "driver")

    def prints(self, command, text, status=0, complaint=""):
        self.commands[command] = Outcome(status, text, complaint)

    def _run(self, *command, **_):
        words = " ".join(command)
        known = [start for start in self.commands if words.startswith(start)]
        if not known:
            return Outcome(MISSING, "", f"there is no {command[0]} command")
        return self.commands[max(known, key=len)]


def with_cpus(made, nodes, threads_of_core=1, memory_mib=65536, allowed=None):
    """Give ``made`` ``nodes`` NUMA nodes: lists of their CPUs; siblings are those that are ``cores`` apart."""
    cpus = sorted(cpu for node in nodes for cpu in node)
    cores = len(cpus) // threads_of_core
    made.file("proc/cpuinfo", "model name\t: A Xeon\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\n")
    made.file("proc/self/status", f"Cpus_allowed_list:\t{allowed or ','.join(map(str, cpus))}\n")
    for number, node in enumerate(nodes):
        made.file(f"sys/devices/system/node/node{number}/cpulist", ",".join(map(str, node)) + "\n")
        lines = {"MemTotal": memory_mib, "MemFree": memory_mib // 2, "Active": 999, "Inactive(file)": 16}
        text = "".join(f"Node {number} {key}:   {mib * 1024} kB\n" for key, mib in lines.items())
        made.file(f"sys/devices/system/node/node{number}/meminfo", text)
        for cpu in node:
            siblings = [cpu % cores + turn * cores for turn in range(threads_of_core)]
            topology = f"sys/devices/system/cpu/cpu{cpu}/topology"
            made.file(f"{topology}/thread_siblings_list", ",".join(map(str, siblings)) + "\n")
            made.file(f"{topology}/physical_package_id", f"{number}\n")
