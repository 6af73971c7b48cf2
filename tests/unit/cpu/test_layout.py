# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.accelerators.cpu import observe_cpu, parse_list
from ansible_collections.inference.fleet.plugins.module_utils.cpu.layout import layout
from ansible_collections.inference.fleet.plugins.module_utils.cpu.wanted import Wanted, wanted
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

from ..accelerators.machines import MadeMachine, with_cpus

GIB = 1024**3
COMMIT = "8" * 40


@pytest.fixture
def host(tmp_path):
    """Makes the picture of a host with ``nodes`` NUMA nodes of ``cores`` cores and ``gib`` GiB each."""

    def make(nodes=1, cores=4, threads=1, gib=64, limits=None, huge_pages=0):
        made = MadeMachine(tmp_path)
        total = nodes * cores
        with_cpus(
            made,
            [
                [turn * total + node * cores + core for turn in range(threads) for core in range(cores)]
                for node in range(nodes)
            ],
            threads_of_core=threads,
            memory_mib=gib * 1024,
        )
        made.file("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", f"{huge_pages}\n")
        cpu = observe_cpu(made.machine)
        return {**cpu, "limits": {"cpus": None, "memory_mib": None, **(limits or {})}}

    return make


def laid_out(cpu, *services, pin=True, reserved_cores=None, reserved_gib=None):
    return layout(cpu, services, pin=pin, reserved_cores=reserved_cores, reserved_gib=reserved_gib)


def cpusets(found):
    return {name: service["cpuset"] for name, service in found["services"].items()}


def binds(found):
    return {name: service["environment"]["VLLM_CPU_OMP_THREADS_BIND"] for name, service in found["services"].items()}


def test_one_service_has_all_cores_and_computes_on_all_but_the_last(host):
    found = laid_out(host(cores=4), Wanted("a"))
    assert (cpusets(found), binds(found)) == ({"a": "0-3"}, {"a": "0-2"})


def test_two_services_share_no_core(host):
    found = laid_out(host(cores=5), Wanted("a"), Wanted("b"))
    assert (cpusets(found), binds(found)) == ({"a": "0-2", "b": "3-4"}, {"a": "0-1", "b": "3"})


def test_a_service_on_a_single_core_computes_on_that(host):
    found = laid_out(host(cores=2), Wanted("a"), Wanted("b"))
    assert cpusets(found) == binds(found) == {"a": "0", "b": "1"}


def test_two_threads_of_a_core_are_never_given_to_two_services(host):
    """Cores 0-3 have the threads 4-7 too; vLLM computes on the second of each."""
    found = laid_out(host(cores=4, threads=2), Wanted("a"), Wanted("b"))
    assert (cpusets(found), binds(found)) == ({"a": "0-1,4-5", "b": "2-3,6-7"}, {"a": "4", "b": "6"})


def test_on_arm_all_threads_of_a_core_compute(host):
    cpu = {**host(cores=2, threads=2), "architecture": "arm"}
    assert binds(laid_out(cpu, Wanted("a"))) == {"a": "0,2"}


def test_services_spread_over_the_nodes(host):
    found = laid_out(host(nodes=2, cores=2), Wanted("a"), Wanted("b"))
    assert cpusets(found) == {"a": "0-1", "b": "2-3"}
    assert [service["nodes"] for service in found["services"].values()] == [[0], [1]]


def test_ranks_of_a_service_are_on_a_node_each(host):
    found = laid_out(host(nodes=2, cores=2), Wanted("a", ranks=2))
    assert (cpusets(found), binds(found)) == ({"a": "0-3"}, {"a": "0|2"})


def test_more_ranks_than_nodes_divide_one(host):
    """vLLM by itself refuses this."""
    assert binds(laid_out(host(cores=4), Wanted("a", ranks=2))) == {"a": "0|2"}


def test_a_larger_node_takes_more(host):
    cpu = host(nodes=2, cores=2)
    cpu["numa"][1]["cores"] = [[2], [3], [4], [5], [6]]
    found = laid_out(cpu, Wanted("a"), Wanted("b"), Wanted("c"))
    assert [service["nodes"] for service in found["services"].values()] == [[1], [1], [0]]


def test_from_eight_cores_on_the_first_is_the_systems(host):
    found = laid_out(host(nodes=2, cores=56, threads=2), Wanted("a", ranks=2))
    assert (cpusets(found), binds(found)) == ({"a": "1-111,113-223"}, {"a": "168-222|113-166"})
    assert cpusets(laid_out(host(cores=8), Wanted("a"), reserved_cores=0)) == {"a": "0-7"}
    assert cpusets(laid_out(host(cores=4), Wanted("a"), reserved_cores=2)) == {"a": "2-3"}


def test_a_limit_of_processor_time_counts_as_so_many_cores(host):
    """Threads that compute in step wait for the one that the kernel held back."""
    assert cpusets(laid_out(host(cores=6, limits={"cpus": 2.5}), Wanted("a"))) == {"a": "4-5"}
    assert cpusets(laid_out(host(cores=6, limits={"cpus": 0.5}), Wanted("a"))) == {"a": "5"}


@pytest.mark.parametrize(
    ("services", "reserved", "cause"),
    [
        pytest.param([Wanted(name) for name in "abc"], 0, "this host has 2 cores for 3 services", id="services"),
        pytest.param([Wanted("a", ranks=4)], 0, "this host has 2 cores for 1 service with 4 processes", id="processes"),
        pytest.param(
            [Wanted("a"), Wanted("b")],
            1,
            "this host has 1 core for 2 services, 1 of its 2 being left to the system or beyond its limit",
            id="reserved",
        ),
        pytest.param(
            [Wanted("a")],
            9,
            "this host has 0 cores for 1 service, 2 of its 2 being left to the system or beyond its limit",
            id="all of them reserved",
        ),
    ],
)
def test_fewer_cores_than_services(host, services, reserved, cause):
    with pytest.raises(FleetError) as refused:
        laid_out(host(cores=2), *services, reserved_cores=reserved)
    assert refused.value.cause == cause


def test_a_service_that_pins_itself_is_refused(host):
    with pytest.raises(FleetError, match="the environment of b sets VLLM_CPU_OMP_THREADS_BIND itself"):
        laid_out(host(), Wanted("a"), Wanted("b", binds=True))
    assert laid_out(host(), Wanted("b", binds=True), pin=False)["services"]["b"]["cpuset"] is None


def test_a_node_that_nobody_computes_on_is_told(host):
    found = laid_out(host(nodes=2, cores=2), Wanted("a"))
    assert found["warnings"] == [
        "Nothing computes on NUMA node 1 (CPUs 2-3): a process of vLLM uses one node. "
        "Raise tensor_parallel_size, or run one more service here."
    ]


def test_nothing_to_lay_out(host):
    assert laid_out(host()) == {"services": {}, "warnings": []}


def space(found, name="a"):
    return found["services"][name]["environment"].get("VLLM_CPU_KVCACHE_SPACE")


def test_the_kv_cache_has_what_system_weights_and_vllm_leave(host):
    """64 GiB, of which 8 % are the system's: 58.9. Weights take 14.5, vLLM 3: 41.4 in whole GiB."""
    assert space(laid_out(host(gib=64), Wanted("a", weights_gib=14.5))) == "41"


def test_services_on_a_node_get_equal_shares(host):
    """29.4 GiB each, less 3 and their weights."""
    found = laid_out(host(gib=64), Wanted("a", weights_gib=14.5), Wanted("b", weights_gib=0.3))
    assert (space(found, "a"), space(found, "b")) == ("11", "26")


def test_what_the_description_says_is_kept_and_taken_off_the_others(host):
    """a needs 1 + 3, which leaves 54.9 of 58.9 for b."""
    found = laid_out(host(gib=64), Wanted("a", kv_gib=1), Wanted("b"))
    assert (space(found, "a"), space(found, "b")) == (None, "51")


def test_a_part_of_the_node_that_vllm_is_told_to_take_is_taken_off_the_others(host):
    """a takes a quarter of 64, which leaves 42.9 of 58.9 for b."""
    found = laid_out(host(gib=64), Wanted("a", utilization=0.25), Wanted("b"))
    assert (space(found, "a"), space(found, "b")) == (None, "39")


def test_each_rank_has_a_kv_cache_and_its_part_of_the_weights(host):
    """Of two nodes, 58.9 GiB each: half of 20 GiB of weights and 3 for vLLM."""
    assert space(laid_out(host(nodes=2, gib=64), Wanted("a", ranks=2, weights_gib=20))) == "45"
    assert space(laid_out(host(nodes=1, gib=64), Wanted("a", ranks=2, weights_gib=20))) == "16"


def test_limits_and_huge_pages_and_reserves_lessen_it(host):
    """32 GiB less 2.6; less 4 GiB of huge pages; less 10."""
    assert space(laid_out(host(limits={"memory_mib": 32 * 1024}), Wanted("a"))) == "26"
    assert space(laid_out(host(gib=32, huge_pages=2048), Wanted("a"))) == "22"
    assert space(laid_out(host(gib=32), Wanted("a"), reserved_gib=10)) == "19"


def test_no_room_for_a_kv_cache(host):
    with pytest.raises(FleetError) as refused:
        laid_out(host(gib=16), Wanted("a", weights_gib=14.5))
    assert str(refused.value).startswith(
        "Failed to find room for the KV cache of a: 14.0 GiB of NUMA node 0 are its share, and 17.5 GiB go to weights"
    )


def test_small_hosts_serve_what_says_how_much_it_needs(host):
    assert space(laid_out(host(gib=2), Wanted("a", kv_gib=1))) is None


def test_without_pins_memory_is_shared_out_all_the_same(host):
    found = laid_out(host(cores=1), Wanted("a"), Wanted("b"), pin=False)
    assert found["services"]["a"] == {"environment": {"VLLM_CPU_KVCACHE_SPACE": "26"}, "cpuset": None, "nodes": [0]}


def test_what_a_service_wants_is_read_from_how_it_is_started(tmp_path):
    snapshot = tmp_path / "models--org--model" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    with (snapshot / "model.safetensors").open("wb") as weights:
        weights.truncate(GIB)
    (snapshot / "config.json").write_text("{}" * 9000)
    service = {
        "name": "a",
        "command": ["org/model", "--tensor-parallel-size", "2", "--max-model-len", "1024"],
        "environment": {"VLLM_CPU_KVCACHE_SPACE": "3"},
        "model": "org/model",
        "revision": COMMIT,
    }
    assert wanted(service, tmp_path) == Wanted("a", ranks=2, kv_gib=3, weights_gib=1)
    assert wanted({"name": "a", "command": ["org/model"]}, tmp_path) == Wanted("a")
    assert wanted({**service, "revision": "main", "environment": {}}, tmp_path).weights_gib == 0


@pytest.mark.parametrize(
    ("flags", "ranks", "utilization"),
    [
        (["--pipeline-parallel-size=2", "--tensor-parallel-size", "2"], 4, None),
        (["-pp", "2", "--gpu-memory-utilization=0.3"], 2, 0.3),
    ],
)
def test_flags_may_be_written_in_one_word(tmp_path, flags, ranks, utilization):
    found = wanted({"name": "a", "command": ["org/model", *flags]}, tmp_path)
    assert (found.ranks, found.utilization) == (ranks, utilization)


@pytest.mark.parametrize(
    "service",
    [
        {"command": [], "environment": {"VLLM_CPU_KVCACHE_SPACE": "much"}},
        {"command": ["--gpu-memory-utilization", "much"]},
    ],
)
def test_what_is_no_number_is_named(tmp_path, service):
    with pytest.raises(FleetError, match=r"with a: its .* is 'much'\. Give it a number"):
        wanted({"name": "a", **service}, tmp_path)


def test_every_thread_is_given_out_once_at_most(host):
    for threads in (1, 2):
        for count in range(1, 7):
            found = laid_out(host(nodes=2, cores=6, threads=threads), *(Wanted(str(number)) for number in range(count)))
            given = [cpu for cpuset in cpusets(found).values() for cpu in parse_list(cpuset)]
            assert len(given) == len(set(given))
