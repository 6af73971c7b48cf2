# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module answers, from its options to the table that people read."""

from __future__ import annotations

import json
import struct

import pytest

from ansible_collections.inference.fleet.plugins.filter.fit_rows import fit_rows
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.fit.options import SERVICE, answer

from .tensors_of import HERE, tensors_of

SMOL = "models/HuggingFaceTB--SmolLM2-135M-Instruct"
CPU = {
    "numa": [{"node": 0, "cpus": "0-1", "memory_mib": 24000}],
    "limits": {"cpus": None, "memory_mib": None},
    "features": {"avx512_bf16": True, "amx_tile": False},
}


@pytest.fixture
def snapshot(tmp_path):
    """A folder with SmolLM2's configuration and headers, and holes for its weights."""
    (tmp_path / "config.json").write_bytes((HERE / SMOL / "config.json").read_bytes())
    header = {tensor.name: {"dtype": tensor.dtype, "shape": tensor.shape} for tensor in tensors_of(SMOL)}
    encoded = json.dumps(header).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        file.truncate(269_060_552)
    return str(tmp_path)


@pytest.fixture
def ask(snapshot):
    """Asks about services at ``path``; what is not given is as the module fills it in."""

    def run(*services, **options):
        defaults = {name: option.get("default") for name, option in SERVICE.items()}
        given = [{**defaults, "name": f"s{n}", "path": snapshot, **service} for n, service in enumerate(services)]
        nothing = dict.fromkeys(("cache_dir", "store", "hub_url", "hub_token", "hub_ca", "cpu"))
        return answer({"devices": [], "hub": False, **nothing, **options, "services": given})

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


def test_a_limit_around_the_host_counts(ask):
    limited = {**CPU, "limits": {"cpus": None, "memory_mib": 1024}}
    (made,) = ask({"accelerator": "cpu", "kv_cache_gib": 1, "max_model_len": 1024}, cpu=limited)
    assert (made["fits"], made["devices"][0]["memory"]) == ("no", 2**30)


def test_services_of_which_nothing_is_said_share_a_cpu(ask):
    one, other = ask(*[{"accelerator": "cpu", "max_model_len": 1024}] * 2, cpu=CPU)
    assert (one["fits"], other["fits"]) == ("yes", "yes")
    assert one["devices"][0]["requested"] == pytest.approx(24000 * 2**20 * 0.46, abs=1)


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


def test_a_service_names_its_model(ask):
    with pytest.raises(FleetError, match="Set repo_id or path"):
        ask({"path": None})
