# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.host import requirements as need
from ansible_collections.inference.fleet.plugins.module_utils.host.esp import Esp
from ansible_collections.inference.fleet.plugins.module_utils.host.ports import Holder
from ansible_collections.inference.fleet.plugins.module_utils.host.system import Distribution, Host

HOST = Host(
    distribution=Distribution("debian", "13", "trixie", "Debian GNU/Linux 13 (trixie)"),
    kernel="6.12.48+deb13-amd64",
    architecture="x86_64",
    addresses=("192.0.2.11", "172.17.0.1"),
    memory_gib=64,
    cgroup_version=2,
    systemd=True,
    root=True,
)
GATEWAY = need.PortNeeded(4000, "tcp", "the gateway", container="gateway-haproxy", setting="gateway_port")


def system(host):
    return [problem.attempted for problem in need.system_problems(host, ["debian-13"], ["x86_64"])]


def test_a_fit_system():
    assert system(HOST) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param({"distribution": Distribution("fedora", "43", "", "Fedora 43")}, "operating system", id="fedora"),
        pytest.param({"architecture": "riscv64"}, "architecture", id="riscv"),
        pytest.param({"root": False}, "user", id="not root"),
        pytest.param({"systemd": False}, "init", id="no systemd"),
        pytest.param({"cgroup_version": 1}, "control groups", id="cgroup v1"),
    ],
)
def test_an_unfit_system_is_named(change, named):
    assert system(replace(HOST, **change)) == [named]


@pytest.mark.parametrize(
    ("kernel", "old"),
    [("6.12.48+deb13-amd64", False), ("5.15.0-91-generic", False), ("5.4.0-42-generic", True), ("5.15", False)],
)
def test_kernels_compare_by_number(kernel, old):
    assert bool(list(need.kernel_problems(kernel, "5.15"))) is old


@pytest.mark.parametrize(
    ("free", "present", "short"),
    [
        pytest.param(100, 0, False, id="room enough"),
        pytest.param(10, 0, True, id="too little"),
        pytest.param(10, 45, False, id="what is there is not needed again"),
    ],
)
def test_disk(free, present, short):
    assert bool(list(need.disk_problems(need.DiskNeeded("/var/lib", 50, free, present)))) is short


@pytest.mark.parametrize(("skew", "words"), [(-90, "90 s behind"), (90, "90 s ahead of"), (5, "")])
def test_clock(skew, words):
    assert words in "".join(str(problem) for problem in need.clock_problems(skew, 30))


@pytest.mark.parametrize(
    ("listening", "published", "message"),
    [
        pytest.param({}, {}, "", id="free"),
        pytest.param(
            {(4000, "tcp"): Holder("nginx", 812)}, {}, "nginx (pid 812) holds it, the gateway needs it", id="a process"
        ),
        pytest.param({(4000, "udp"): Holder("nginx", 812)}, {}, "", id="another protocol"),
        pytest.param(
            {(4000, "tcp"): Holder("docker-proxy", 9)}, {"4000/tcp": "gateway-haproxy"}, "", id="our own container"
        ),
        pytest.param({}, {"4000/tcp": "web"}, "container web holds it", id="a container without a proxy process"),
    ],
)
def test_ports(listening, published, message):
    problems = "".join(str(problem) for problem in need.port_problems([GATEWAY], listening, published))
    assert (message in problems) if message else not problems


def test_a_process_that_may_hold_the_port():
    swarm = need.PortNeeded(7946, "tcp", "the swarm's gossip", processes=["dockerd"])
    assert not list(need.port_problems([swarm], {(7946, "tcp"): Holder("dockerd", 7)}, {}))


def test_the_way_out_names_the_variable():
    (problem,) = need.port_problems([GATEWAY], {(4000, "tcp"): Holder("nginx", 812)}, {})
    assert problem.next_step == "Stop that, or set gateway_port."


@pytest.mark.parametrize(("supported", "told"), [(True, False), (False, True), (None, False)])
def test_esp_is_reported_only_when_it_is_surely_missing(supported, told):
    assert bool(list(need.esp_problems(Esp(supported, "the reason")))) is told


def test_an_address_of_another_host():
    assert not list(need.address_problems("192.0.2.11", HOST.addresses))
    (problem,) = need.address_problems("192.0.2.99", HOST.addresses)
    assert problem.cause.endswith("which has 192.0.2.11")


def test_memory():
    assert not list(need.memory_problems(64, 2))
    assert list(need.memory_problems(1.5, 2))


def test_all_problems_in_one_message():
    problems = [*need.memory_problems(1, 2), *need.clock_problems(99, 30)]
    message = str(need.report(problems))
    assert message.startswith("Failed to find this host ready: 2 problems\n  - memory: 1.0 GiB, 2.0 are needed.")
    assert "\n  - clock: 99 s ahead" in message
