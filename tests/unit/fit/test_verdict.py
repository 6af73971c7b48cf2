# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts: whether services fit beside each other, and what would make them fit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.fit.alike import alike
from ansible_collections.inference.fleet.plugins.module_utils.fit.changes import smallest_changes
from ansible_collections.inference.fleet.plugins.module_utils.fit.flags import GIB, Flags
from ansible_collections.inference.fleet.plugins.module_utils.fit.memory import MIB, Device, activation_bytes, budget
from ansible_collections.inference.fleet.plugins.module_utils.fit.predict import Case, predict
from ansible_collections.inference.fleet.plugins.module_utils.fit.verdict import judge

from .tensors_of import config_of, tensors_of

LLAMA, SMOL = "models/meta-llama--Meta-Llama-3.1-8B", "models/HuggingFaceTB--SmolLM2-135M-Instruct"
H100, A10 = 81559 * MIB, 23028 * MIB  # as nvidia-smi tells them


def case_of(name, memory, count=1, **flags):
    return Case(
        config_of(name), alike(tensors_of(name)), Flags(**flags), tuple(Device(n, memory) for n in range(count))
    )


def told(case):
    return judge({"it": case}, {"it": "the model"})[0].as_dict()


def test_an_h100_is_spent_as_vllm_spends_it():
    """81559 MiB - 768 MiB of the driver = 80791 MiB; ceil(80791 MiB · 0.9) are taken, 16,060,522,496 bytes of it by the
    weights. Activations: 8192 tokens · (2·4096 + 3·14336) · 2 bytes = 838,860,800 are less than what sampling takes for
    1024 requests: 1024 · 128256 · (2 + 5·4) bytes. Half a GiB goes to the process, three quarters to graphs.
    """
    spent = budget(Device(0, H100), 16060522496, config_of(LLAMA), Flags(gpu_memory_utilization=0.9))
    requested = math.ceil(80791 * MIB * 0.9)
    assert spent.requested == requested
    assert spent.activations == 1024 * 128256 * 22
    assert spent.overhead == GIB // 2 + 3 * GIB // 4
    assert spent.kv_cache == requested - 16060522496 - spent.activations - spent.overhead


def test_activations_are_about_what_vllm_measured():
    """vLLM 0.6.4 logged a peak of 1.26 GiB for 8192 tokens and 256 requests of Llama 3 8B (vllm-project/vllm#10511)."""
    flags = Flags(max_num_batched_tokens=8192, max_num_seqs=256)
    assert activation_bytes(config_of(LLAMA), flags, H100) / GIB == pytest.approx(1.26, abs=0.5)


def test_llama_fits_an_h100_with_all_of_its_context():
    made = told(case_of(LLAMA, H100, gpu_memory_utilization=0.9))
    assert (made["fits"], made["max_model_len"], made["changes"]) == ("yes", 131072, [])
    assert made["kv_cache_tokens"] == made["kv_cache_blocks"] * 16  # 8192 blocks for each request
    assert made["concurrency"] == pytest.approx(made["kv_cache_blocks"] / 8192, abs=0.01)


def test_devices_whose_sum_would_do_may_still_be_too_small():
    """Mixtral takes 93.4 GB. Four A10G have 96 GB together, but each has to hold a quarter: 21.8 of its 22.5 GiB."""
    mixtral = "models/mistralai--Mixtral-8x7B-v0.1"
    four = told(case_of(mixtral, A10, 4, tensor_parallel_size=4))
    assert (four["fits"], four["devices"][0]["weights"] // 10**8) == ("no", 233)
    eight = told(case_of(mixtral, 40960 * MIB, 8, tensor_parallel_size=8))  # A100 with 40 GB
    assert (eight["fits"], eight["largest_max_model_len"]) == ("yes", 32768)


def test_what_does_not_fit_is_said_with_what_would():
    made = told(case_of(LLAMA, A10))
    assert made["fits"] == "no"
    assert "a request of 131072 tokens takes 16.0 GiB of the KV cache" in made["cause"]
    shorter = next(change for change in made["changes"] if "max_model_len" in change["values"])
    again = told(case_of(LLAMA, A10, max_model_len=shorter["values"]["max_model_len"]))
    assert (again["fits"], again["concurrency"] >= 1) == ("yes", True)
    assert f"max_model_len: {shorter['values']['max_model_len']}" in made["next_step"]


@pytest.mark.parametrize(
    "case",
    [
        case_of(LLAMA, A10),
        case_of(LLAMA, A10, max_model_len=65536),
        case_of(LLAMA, 16 * GIB),  # the weights alone are larger
        case_of(LLAMA, 16 * GIB, max_model_len=65536),
        case_of("models/mistralai--Mixtral-8x7B-v0.1", H100),
        case_of("models/openai--gpt-oss-20b", 16 * GIB, max_model_len=131072),
        case_of(SMOL, 16 * GIB, accelerator="cpu", kv_cache_gib=0, max_model_len=8192),
        case_of(SMOL, 16 * GIB, accelerator="cpu", kv_cache_gib=9000, max_model_len=1024),
        case_of(SMOL, 4 * GIB, accelerator="cpu", gpu_memory_utilization=0.2),
        case_of(SMOL, H100, 2, tensor_parallel_size=2),
        case_of(SMOL, H100, max_model_len=100000),
    ],
    ids=str,
)
def test_every_change_makes_it_fit(case):
    assert predict(case).fits != "yes"
    changes = smallest_changes(case)
    assert changes
    for change in changes:
        values = dict(change.values)
        if values.pop("extra_args", None):
            values["quantization"] = "fp8"
        devices = case.devices
        if "devices" in values:
            devices = tuple(Device(n, case.devices[0].memory) for n in values.pop("devices"))
        again = predict(replace(case, flags=replace(case.flags, **values), devices=devices))
        assert again.fits == "yes", change.values


@pytest.mark.parametrize(
    ("spare", "offered"),
    [
        (None, [0, 1]),  # the host was not asked
        ((Device(1, H100), Device(3, A10), Device(4, A10)), [0, 3]),  # one service takes devices of one kind
        ((Device(1, H100),), None),
        ((), None),
    ],
)
def test_further_devices_are_spare_ones_of_the_host(spare, offered):
    changes = smallest_changes(replace(case_of(LLAMA, A10), spare=spare))
    assert next((change.values["devices"] for change in changes if "devices" in change.values), None) == offered


def test_a_model_that_is_far_too_large_has_no_change():
    made = told(case_of("models/mistralai--Mixtral-8x7B-v0.1", 4 * GIB))
    assert (made["fits"], made["changes"]) == ("no", [])
    assert "smaller model or larger devices" in made["next_step"]


def test_estimates_alone_never_refuse():
    """2 GiB beyond the weights: without activations and graphs a context of 4096 tokens (512 MiB) would fit."""
    memory = int((16060522496 + 2 * GIB) / 0.92) + 768 * MIB
    made = told(case_of(LLAMA, memory, max_model_len=4096, max_num_seqs=1024, max_num_batched_tokens=8192))
    assert made["fits"] == "tight"


def test_a_space_that_the_node_does_not_have_is_refused():
    """Of 16 GiB, 0.25 go to weights, 0.63 to vLLM and 0.13 to activations: 14 GiB are left, in whole ones."""
    made = told(case_of(SMOL, 16 * GIB, accelerator="cpu", kv_cache_gib=16, max_model_len=1024))
    assert (made["fits"], made["changes"][0]["values"]) == ("no", {"kv_cache_gib": 14})
    assert made["cause"] == "16.0 GiB of KV cache and 0.3 GiB beside it are more than the 16.0 GiB of device 0"
    assert told(case_of(SMOL, 16 * GIB, accelerator="cpu", kv_cache_gib=15, max_model_len=1024))["fits"] == "tight"


def test_services_on_one_device_share_it():
    cases = {
        "first": case_of(LLAMA, H100, gpu_memory_utilization=0.6, max_model_len=32768),
        "second": case_of(LLAMA, H100, gpu_memory_utilization=0.5, max_model_len=32768),
    }
    first, second = (verdict.as_dict() for verdict in judge(cases, dict.fromkeys(cases, "the model")))
    assert (first["fits"], second["fits"]) == ("no", "no")
    assert "second takes 39.4 GiB of it" in first["cause"]
    assert first["changes"][0]["values"] == {"gpu_memory_utilization": 0.5}
    assert second["changes"][0]["values"] == {"gpu_memory_utilization": 0.4}


def test_services_on_devices_of_their_own_do_not():
    one = case_of(LLAMA, H100)
    other = Case(one.model, one.tensors, one.flags, (Device(1, H100),))
    made = judge({"a": one, "b": other}, {"a": "the model", "b": "the model"})
    assert [verdict.prediction.fits for verdict in made] == ["yes", "yes"]


def test_a_cpu_holds_two_services_whose_space_is_given():
    """Each takes 1 GiB for tokens, 0.25 for weights, 0.63 for itself, 0.13 at work: 2.01 GiB, 1.25 of them surely."""

    def fits(memory, names):
        one = case_of(SMOL, int(memory * GIB), accelerator="cpu", kv_cache_gib=1, max_model_len=1024)
        return [v.prediction.fits for v in judge(dict.fromkeys(names, one), dict.fromkeys(names, "m"))]

    assert fits(4.1, "ab") == ["yes", "yes"]
    assert fits(3.9, "ab") == ["tight", "tight"]
    assert fits(2.4, "ab") == ["no", "no"]
    assert fits(4.1, "abcd") == ["no"] * 4
