# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module answers, from its options to the table that people read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ansible_collections.inference.fleet.plugins.filter.fit_rows import fit_rows
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.fit.alike import alike
from ansible_collections.inference.fleet.plugins.module_utils.fit.flags import Flags
from ansible_collections.inference.fleet.plugins.module_utils.fit.memory import Device
from ansible_collections.inference.fleet.plugins.module_utils.fit.options import SERVICE, answer
from ansible_collections.inference.fleet.plugins.module_utils.fit.predict import Case
from ansible_collections.inference.fleet.plugins.module_utils.fit.verdict import judge
from ansible_collections.inference.fleet.plugins.module_utils.safetensors import make_header
from ansible_collections.inference.fleet.plugins.modules import vllm_fit

from .tensors_of import HERE, config_of, tensors_of

LLAMA = "models/meta-llama--Meta-Llama-3.1-8B"
SMOL = "models/HuggingFaceTB--SmolLM2-135M-Instruct"
CPU = {
    "architecture": "x86",
    "numa": [{"node": 0, "cpus": "0-1", "cores": [[0], [1]], "memory_mib": 24000}],
    "huge_pages": {"size_kib": 2048, "total": 0},
    "limits": {"cpus": None, "memory_mib": None},
    "features": {"avx512_bf16": True, "amx_tile": False},
}
MANY_CORES = {**CPU, "numa": [{**CPU["numa"][0], "cores": [[0], [1], [2]]}]}
RESERVED = ("cpu_reserved_cores", "cpu_reserved_memory_gib")


def lay(folder, name):
    """The configuration and headers of a model, and holes for its weights."""
    (folder / "config.json").write_bytes((HERE / name / "config.json").read_bytes())
    header, tensors = make_header(tensors_of(name), {})
    with (folder / "model.safetensors").open("wb") as file:
        file.write(header)
        file.truncate(len(header) + sum(tensor.size for tensor in tensors))
    return str(folder)


@pytest.fixture
def snapshot(tmp_path):
    return lay(tmp_path, SMOL)


@pytest.fixture
def ask(snapshot):
    """Asks about services at ``path``; what is not given is as the module fills it in."""

    def run(*services, **options):
        defaults = {name: option.get("default") for name, option in SERVICE.items()}
        given = [{**defaults, "name": f"s{n}", "path": snapshot, **service} for n, service in enumerate(services)]
        nothing = dict.fromkeys(("cache_dir", "store", "hub_url", "hub_token", "hub_ca", "cpu", *RESERVED))
        return answer({"devices": [], "hub": False, "cpu_pin": True, **nothing, **options, "services": given})

    return run


def test_a_cpu_is_as_accelerator_info_describes_it(ask):
    (made,) = ask({"accelerator": "cpu", "kv_cache_gib": 1, "max_model_len": 1024}, cpu=CPU)
    assert (made["fits"], made["kv_cache_tokens"], made["devices"][0]["memory"]) == ("yes", 46592, 24000 * 2**20)
    assert fit_rows([made]) == [
        {
            "instance": "s0",
            "fits": "yes",
            "weights": "256.6 MiB",
            "per token": "22.5 KiB",
            "context": "1,024",
            "longest": "8,192",
            "at a time": "45.50",
        }
    ]


def test_weights_that_the_index_does_not_name_do_not_count(ask, snapshot):
    """Mistral's repositories have all of them a second time."""
    names = [tensor.name for tensor in tensors_of(SMOL)]
    index = {"weight_map": dict.fromkeys(names, "model.safetensors")}
    Path(snapshot, "model.safetensors.index.json").write_text(json.dumps(index))
    Path(snapshot, "consolidated.safetensors").symlink_to("model.safetensors")
    (made,) = ask({"accelerator": "cpu", "kv_cache_gib": 1, "max_model_len": 1024}, cpu=CPU)
    assert fit_rows([made])[0]["weights"] == "256.6 MiB"


def test_a_limit_around_the_host_counts(ask):
    limited = {**CPU, "limits": {"cpus": None, "memory_mib": 1024}}
    (made,) = ask({"accelerator": "cpu", "kv_cache_gib": 1, "max_model_len": 1024}, cpu=limited)
    assert (made["fits"], made["devices"][0]["memory"]) == ("no", 2**30)


def test_services_that_do_not_say_have_the_room_that_they_are_started_with(ask):
    """Of 23.44 GiB two are the system's: 10.72 each, of which 3.25 go to vLLM and weights, as the role cpu reckons."""
    one, other = ask(*[{"accelerator": "cpu", "max_model_len": 1024}] * 2, cpu=CPU)
    assert [(made["fits"], made["devices"][0]["kv_cache"]) for made in (one, other)] == [("yes", 7 * 2**30)] * 2


def test_a_service_that_says_leaves_the_rest_to_those_that_do_not(ask):
    """10 + 3.25 of 21.44 GiB leave 8.19, of which 3.25 are the other's own."""
    given, left = ask({"accelerator": "cpu", "kv_cache_gib": 10}, {"accelerator": "cpu"}, cpu=CPU)
    assert [(made["fits"], made["devices"][0]["kv_cache"] // 2**30) for made in (given, left)] == [
        ("yes", 10),
        ("yes", 4),
    ]


def test_vllm_shares_out_what_is_asked_for_as_a_part(ask):
    """Half of 23.44 GiB is vLLM's to divide; of 21.44 it leaves 9.72 to the other."""
    part, left = ask({"accelerator": "cpu", "gpu_memory_utilization": 0.5}, {"accelerator": "cpu"}, cpu=CPU)
    assert part["devices"][0]["requested"] == 12000 * 2**20
    assert left["devices"][0]["kv_cache"] == 6 * 2**30


def test_services_run_on_nodes_of_their_own(ask):
    two = {**CPU, "numa": [{**CPU["numa"][0], "node": node, "cores": [[node]]} for node in (0, 1)]}
    one, other = ask(*[{"accelerator": "cpu"}] * 2, cpu=two)
    assert [made["devices"][0]["index"] for made in (one, other)] == [0, 1]


def test_processes_on_one_node_take_of_it_together(ask):
    """SmolLM2 has 3 heads for keys and values, so three processes: 3 x 8 GiB are more than 23.44."""
    (made,) = ask({"accelerator": "cpu", "kv_cache_gib": 8, "tensor_parallel_size": 3}, cpu=MANY_CORES)
    assert (made["fits"], made["changes"][0]["values"]) == ("no", {"kv_cache_gib": 6})
    assert "24.0 GiB of KV cache" in made["cause"]


def test_where_the_host_has_no_room_for_all_of_them_all_are_refused(ask):
    small = {**CPU, "numa": [{**CPU["numa"][0], "memory_mib": 8192}]}
    refused = ask(*[{"accelerator": "cpu"}] * 2, {"device_memory_gib": 24}, cpu=small)
    assert [made["fits"] for made in refused] == ["no", "no", "yes"]
    assert "Failed to find room for the KV cache of s0: 3.0 GiB of NUMA node 0 are its share" in refused[0]["cause"]
    assert "Run fewer services on this host" in refused[0]["next_step"]
    with_cores = ask(*[{"accelerator": "cpu"}] * 3, cpu=CPU)
    assert "this host has 2 cores for 3 services" in with_cores[0]["cause"]
    assert ask(*[{"accelerator": "cpu"}] * 3, cpu=CPU, cpu_pin=False)[0]["fits"] == "yes"


def test_the_plan_knows_the_room_of_a_node_that_is_described(ask):
    """24 GiB less 2, less 3.25."""
    (made,) = ask({"accelerator": "cpu", "device_memory_gib": 24})
    assert (made["fits"], made["devices"][0]["kv_cache"]) == ("yes", 18 * 2**30)


@pytest.mark.parametrize("part", [0, -1, 90])
def test_a_part_of_the_memory_is_at_most_all_of_it(ask, part):
    with pytest.raises(FleetError, match=f"Failed to read gpu_memory_utilization of s0: it is {part}"):
        ask({"gpu_memory_utilization": part})


@pytest.mark.parametrize("key", ["max_model_len", "tensor_parallel_size", "pipeline_parallel_size", "block_size"])
def test_numbers_are_at_least_one(ask, key):
    with pytest.raises(FleetError, match=f"Failed to read {key} of s0: it is 0"):
        ask({key: 0})


def test_without_devices_what_follows_from_the_model_is_said(ask):
    gpu, cpu = ask({}, {"accelerator": "cpu", "kv_cache_gib": 1, "max_model_len": 1024})
    assert (gpu["fits"], gpu["kv_bytes_per_token"], gpu["kv_cache_tokens"]) == ("unknown", 23040, None)
    assert gpu["devices"][0]["weights"] == 269030016
    assert (cpu["fits"], cpu["kv_cache_tokens"], cpu["concurrency"]) == ("unknown", 46592, 45.5)
    assert fit_rows([gpu])[0]["longest"] == ""


def test_the_description_may_say_what_memory_there_is(ask):
    (made,) = ask({"devices": [4], "device_memory_gib": 24})
    assert (made["fits"], made["devices"][0]["index"]) == ("yes", 4)


def test_a_device_that_is_not_there_is_named(ask):
    with pytest.raises(FleetError, match=r"Failed to place s0: the host has no device 3, but 0, 1\."):
        ask({"devices": [0, 3]}, devices=[{"index": 0, "memory_mib": 81559}, {"index": 1, "memory_mib": 81559}])


def test_further_devices_are_those_that_no_service_is_on(ask, tmp_path):
    """Llama 3.1 8B takes 15 GiB, and 16 more for all of its context: two of these."""
    service = {"path": lay(tmp_path, LLAMA), "devices": [2]}
    devices = [{"index": n, "memory_mib": 24564} for n in range(5)]
    first, _other = ask(service, {**service, "devices": [0]}, devices=devices)
    assert {"tensor_parallel_size": 2, "devices": [2, 1]} in [change["values"] for change in first["changes"]]


def test_of_devices_without_memory_of_their_own_nothing_is_claimed(ask):
    (made,) = ask({"devices": [0]}, devices=[{"index": 0, "memory_mib": None}])
    assert made["fits"] == "unknown"


def test_tensor_parallelism_is_the_number_of_devices(ask):
    devices = [{"index": n, "memory_mib": 81559} for n in range(3)]
    (made,) = ask({}, devices=devices)
    assert [device["index"] for device in made["devices"]] == [0, 1, 2]
    (made,) = ask({"devices": [0, 1]}, devices=devices)
    assert "9 attention heads cannot be divided among 2 devices" in made["cause"]


def test_a_model_that_cannot_be_read_spoils_no_other(ask):
    good, bad = ask({"device_memory_gib": 24}, {"path": None, "repo_id": "org/none"})
    assert (good["fits"], bad["fits"], bad["model"]) == ("yes", "unknown", "org/none at main")
    assert "in none of the places" in bad["cause"]
    assert fit_rows([bad])[0] == {**dict.fromkeys(fit_rows([bad])[0], ""), "instance": "s1", "fits": "unknown"}


def test_a_type_whose_size_is_not_known_spoils_no_other(ask):
    good, odd = ask({"device_memory_gib": 24}, {"device_memory_gib": 24, "kv_cache_dtype": "fp3"})
    assert (good["fits"], odd["fits"]) == ("yes", "unknown")
    assert "kv_cache_dtype fp3: its size is not known" in odd["cause"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"devices": [{"index": 0, "memory_mib": "much"}]}, "has no index and memory_mib that are numbers"),
        ({"devices": [{"memory_mib": 1}]}, "has no index and memory_mib that are numbers"),
        ({"cpu": {"numa": [{"memory_mib": 1}]}}, "has no node and memory_mib that are numbers"),
    ],
)
def test_what_is_no_device_is_said(ask, options, said):
    with pytest.raises(FleetError, match=said):
        ask({}, **options)


def test_the_documented_sample_is_what_is_answered():
    """The first of the module's examples: one GPU of 24564 MiB, and no other on the host."""
    sample = yaml.safe_load(vllm_fit.RETURN)["services"]["sample"][0]
    device = sample["devices"][0]
    there = (Device(0, device["memory"]),)
    case = Case(config_of(LLAMA), alike(tensors_of(LLAMA)), Flags(max_model_len=131072), there, spare=())
    assert judge({"llama": case}, {"llama": sample["model"]})[0].as_dict() == sample
    assert device["memory"] == 24564 * 2**20


def test_a_service_names_its_model(ask):
    with pytest.raises(FleetError, match="Set repo_id or path"):
        ask({"path": None})


@pytest.mark.parametrize("argument", ["--cpu-offload-gb=20", "--enable-expert-parallel"])
def test_a_flag_that_is_not_accounted_for_is_no_reason_to_refuse(ask, argument):
    (said,) = ask({"devices": [0], "extra_args": ["--seed=1", argument]}, devices=[{"index": 0, "memory_mib": 100}])
    assert said["fits"] == "unknown"
    assert argument.split("=")[0] in said["cause"]
