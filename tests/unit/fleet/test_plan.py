# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.fleet.description import describe
from ansible_collections.inference.fleet.plugins.module_utils.fleet.plan import plan

from .test_description import HOSTS, changed

ADDRESSES = {"gpu-a": "10.0.0.11", "gpu-b": "10.0.0.12"}


def planned(*changes, addresses=None):
    fleet = describe(changed(*changes), addresses or HOSTS)
    assert fleet.mistakes == []
    return plan(fleet, addresses or ADDRESSES)


def services(host, *changes):
    return planned(*changes).variables[host]["vllm_services"]


def test_each_replica_is_an_instance_of_its_own():
    made = planned()
    assert [row["instance"] for row in made.services] == ["hermes-gpu-a", "mistral-gpu-a", "hermes-gpu-b"]
    (route, _mistral) = made.variables["gpu-a"]["gateway_routes"]
    assert route["backends"] == [
        {"name": "hermes-gpu-a", "address": "hermes-gpu-a:8000"},
        {"name": "hermes-gpu-b", "address": "hermes-gpu-b:8000"},
    ]


def test_groups_say_what_a_host_is_for():
    assert planned().groups == {
        "fleet": ["gpu-a", "gpu-b"],
        "serving": ["gpu-a", "gpu-b"],
        "gateway": ["gpu-a"],
        "publisher": ["localhost"],
        "swarm_managers": ["gpu-a"],
        "swarm_workers": ["gpu-b"],
        "nvidia": ["gpu-a", "gpu-b"],
        "gaudi": [],
        "cpu": [],
    }


def test_a_host_is_in_the_group_of_each_accelerator_that_it_serves_with():
    made = planned(("services/mistral/accelerator", "cpu"), ("services/mistral/devices", []))
    assert (made.groups["nvidia"], made.groups["cpu"]) == (["gpu-a", "gpu-b"], ["gpu-a"])


def test_three_hosts_have_three_managers():
    addresses = {f"gpu-{letter}": letter for letter in "abcd"}
    made = planned(("services/hermes/hosts", list(addresses)), addresses=addresses)
    assert made.groups["swarm_managers"] == ["gpu-a", "gpu-b", "gpu-c"]
    assert made.groups["swarm_workers"] == ["gpu-d"]


def test_only_gateways_get_what_a_gateway_needs():
    made = planned()
    assert "gateway_routes" in made.variables["gpu-a"]
    assert "gateway_routes" not in made.variables["gpu-b"]


def test_keys_become_flags_of_todays_vllm():
    (instance,) = services(
        "gpu-b",
        ("services/hermes/max_model_len", 131072),
        ("services/hermes/tool_call_parser", "hermes"),
        ("services/hermes/enforce_eager", True),
        ("services/hermes/extra_args", ["--seed", "1"]),
    )
    assert instance["command"] == [
        *("NousResearch/Hermes-3-Llama-3.1-8B", "--revision", "8" * 40, "--served-model-name", "hermes-3-8b"),
        *("--max-model-len", "131072", "--enforce-eager"),
        *("--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--seed", "1"),
    ]


def test_roles_learn_which_images_must_fit_the_driver():
    gaudi = ("services/hermes/accelerator", "gaudi")
    image = services("gpu-b")[0]["image"]
    assert planned(gaudi).variables["gpu-b"]["gaudi_images"] == [image]
    assert "gaudi_images" not in planned().variables["gpu-b"]
    assert planned().variables["gpu-b"]["nvidia_images"] == [image]


@pytest.mark.parametrize(
    ("value", "name", "other"),
    [
        ("1", "nvidia_compatible_images", "nvidia_images"),
        ("0", "nvidia_images", "nvidia_compatible_images"),
    ],
)
def test_an_image_that_runs_by_compatibility_libraries_may_have_some_older_drivers(value, name, other):
    variables = planned(("services/hermes/environment", {"VLLM_ENABLE_CUDA_COMPATIBILITY": value})).variables["gpu-b"]
    assert variables[name] == [services("gpu-b")[0]["image"]]
    assert other not in variables


@pytest.mark.parametrize(
    ("kind", "devices", "expected"),
    [
        pytest.param("nvidia", [2, 3], {"gpus": ["2", "3"], "ipc": "host"}, id="nvidia"),
        pytest.param("gaudi", [2, 3], {"runtime": "habana", "cap_add": ["SYS_NICE"], "ipc": "host"}, id="gaudi"),
        pytest.param("cpu", [], {"cap_add": ["SYS_NICE"], "security_opt": ["seccomp=unconfined"]}, id="cpu"),
    ],
)
def test_a_container_gets_what_its_accelerator_needs(kind, devices, expected):
    (instance,) = services("gpu-b", ("services/hermes/accelerator", kind), ("services/hermes/devices", devices))
    assert {name: instance[name] for name in expected} == expected
    assert ("--tensor-parallel-size" in instance["command"]) == (len(devices) == 2)


def test_a_gaudi_sees_its_devices_only():
    (instance,) = services("gpu-b", ("services/hermes/accelerator", "gaudi"), ("services/hermes/devices", [4, 5]))
    assert instance["environment"]["HABANA_VISIBLE_DEVICES"] == "4,5"


@pytest.mark.parametrize(("eager", "expected"), [(True, "1"), (False, None)])
def test_a_cpu_that_compiles_no_graph_compiles_nothing_else(eager, expected):
    on_cpu = [("services/hermes/accelerator", "cpu"), ("services/hermes/devices", [])]
    (instance,) = services("gpu-b", *on_cpu, ("services/hermes/enforce_eager", eager))
    assert instance["environment"].get("TORCH_COMPILE_DISABLE") == expected


def test_references_stay_the_objects_that_were_loaded():
    """A copy would lose the mark by which Ansible trusts a string as a template."""
    key, image = "{{ vault_vllm_api_key }}".join([""] * 2), "{{ vllm_image }}".join([""] * 2)
    made = planned(("services/hermes/api_key", key), ("services/hermes/image", image))
    (instance,) = made.variables["gpu-b"]["vllm_services"]
    (endpoint,) = made.variables["gpu-b"]["verify_instances"]
    route = made.variables["gpu-a"]["gateway_routes"][0]
    assert instance["api_key"] is endpoint["api_key"] is route["api_key"]
    assert instance["image"] == image


def test_rows_for_people_hold_no_secret():
    made = planned(("services/hermes/api_key", "correct-horse"))
    assert "correct-horse" not in repr([made.services, made.routes])


def test_a_host_caches_only_what_it_serves():
    made = planned()
    assert [model["name"] for model in made.variables["gpu-a"]["model_cache_models"]] == ["hermes-3-8b", "mistral-7b"]
    assert [model["name"] for model in made.variables["gpu-b"]["model_cache_models"]] == ["hermes-3-8b"]
    assert [model["name"] for model in made.variables["localhost"]["model_store_models"]] == [
        "hermes-3-8b",
        "mistral-7b",
    ]


def test_preflight_knows_what_services_run_on():
    made = planned(("services/mistral/accelerator", "cpu"), ("services/mistral/devices", []))
    assert made.variables["gpu-a"]["preflight_devices"] == [
        {"service": "hermes", "kind": "nvidia", "devices": [0], "processes": 1},
        {"service": "mistral", "kind": "cpu", "devices": [], "processes": 1},
    ]


def contract(*changes):
    return planned(*changes).variables["gpu-a"]["verify_services"][0]["contract"]


def test_a_contract_follows_from_flags_and_family():
    assert "tools_auto" not in contract()
    assert {"chat", "context", "json_schema"} <= set(contract())
    with_tools = ("services/hermes/tool_call_parser", "hermes")
    assert {"tools_auto", "tools_required", "multi_turn_tools"} <= set(contract(with_tools))
    assert "tools_parallel" not in contract(with_tools)
    assert "multi_turn_tools" not in contract(with_tools, ("models/hermes-3-8b/family", "hammer"))


def test_a_contract_can_be_given():
    assert contract(("services/hermes/contract", ["chat"])) == ["chat"]


def test_what_decides_about_memory_is_handed_to_those_who_compute_it():
    variables = planned(
        ("services/hermes/max_model_len", 4096),
        ("services/hermes/extra_args", ["--block-size", "32", "--quantization=fp8", "-pp", "1"]),
    ).variables["gpu-b"]
    (hermes,) = variables["preflight_services"]
    assert variables["verify_fit_services"] == [hermes]
    given = {"name": "hermes-gpu-b", "max_model_len": 4096, "block_size": "32", "quantization": "fp8"}
    assert {**given, "pipeline_parallel_size": "1"}.items() <= hermes.items()
    assert "max_num_seqs" not in hermes


def test_the_environment_may_say_the_space_of_a_cpu():
    changes = (
        ("services/hermes/accelerator", "cpu"),
        ("services/hermes/devices", []),
        ("services/hermes/environment", {"VLLM_CPU_KVCACHE_SPACE": "40"}),
    )
    assert planned(*changes).variables["gpu-b"]["preflight_services"][0]["kv_cache_gib"] == "40"


def test_a_quantized_model_is_served_stored_and_weighed_as_such():
    made = planned(("models/hermes-3-8b/quantization", "fp8_dynamic"))
    name = "NousResearch/Hermes-3-Llama-3.1-8B-fp8_dynamic"
    (instance,) = made.variables["gpu-b"]["vllm_services"]
    assert instance["model"] == instance["command"][0] == name
    assert instance["served_model_name"] == "hermes-3-8b"
    for entry in (*made.variables["gpu-b"]["model_cache_models"], made.variables["localhost"]["model_store_models"][0]):
        assert (entry["repo_id"], entry["quantization"]) == ("NousResearch/Hermes-3-Llama-3.1-8B", "fp8_dynamic")
    (asked,) = made.variables["gpu-b"]["preflight_services"]
    assert (asked["repo_id"], asked["scheme"]) == ("NousResearch/Hermes-3-Llama-3.1-8B", "fp8_dynamic")
    assert {row["model"] for row in made.services} == {name, "mistralai/Mistral-7B-Instruct-v0.3"}


def test_a_model_that_is_not_quantized_says_nothing_of_it():
    (entry,) = planned().variables["gpu-b"]["model_cache_models"]
    assert "quantization" not in entry


CALIBRATED = (
    ("models/hermes-3-8b/quantization", "inc_fp8"),
    ("services/hermes/accelerator", "gaudi"),
    ("services/hermes/device_generation", "g2"),
    ("services/hermes/devices", [2, 3]),
)


def test_a_calibrated_model_is_served_with_what_its_calibration_left():
    (instance,) = services("gpu-b", *CALIBRATED)
    assert instance["model"] == "NousResearch/Hermes-3-Llama-3.1-8B-inc_fp8"
    assert instance["environment"]["QUANT_CONFIG"] == (
        f"/models/models--NousResearch--Hermes-3-Llama-3.1-8B-inc_fp8/snapshots/{'8' * 40}/inc/"
        "hermes-3-llama-3.1-8b/maxabs_quant_g2.json"
    )
    assert instance["command"][5:] == [
        *("--tensor-parallel-size", "2", "--dtype", "bfloat16", "--kv-cache-dtype", "fp8_inc"),
        *("--quantization", "inc"),
    ]


def test_a_calibrated_model_is_wanted_for_the_devices_that_serve_it():
    variables = planned(*CALIBRATED).variables
    published, _mistral = variables["localhost"]["model_store_models"]
    (cached,) = variables["gpu-b"]["model_cache_models"]
    for model in (published, cached):
        assert (model["device_generation"], model["tensor_parallel_size"]) == ("g2", 2)
    assert variables["gpu-b"]["preflight_devices"][0]["generation"] == "g2"
    (fit,) = variables["gpu-b"]["preflight_services"]
    wanted = {"scheme": "inc_fp8", "device_generation": "g2", "quantization": "inc", "kv_cache_dtype": "fp8_inc"}
    assert wanted.items() <= fit.items()


def test_other_models_are_for_any_device():
    (model,) = planned().variables["gpu-b"]["model_cache_models"]
    assert not {"device_generation", "tensor_parallel_size"} & set(model)
    assert "QUANT_CONFIG" not in services("gpu-b")[0]["environment"]
