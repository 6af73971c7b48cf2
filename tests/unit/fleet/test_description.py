# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.fleet.description import describe

HOSTS = ["gpu-a", "gpu-b"]
IMAGE = "vllm/vllm-openai@sha256:" + "0" * 64
FLEET = {
    "plugin": "inference.fleet.fleet",
    "models": {
        "hermes-3-8b": {"repo_id": "NousResearch/Hermes-3-Llama-3.1-8B", "revision": "8" * 40, "family": "hermes"},
        "mistral-7b": {"repo_id": "mistralai/Mistral-7B-Instruct-v0.3", "revision": "9" * 40, "family": "mistral"},
    },
    "defaults": {"image": IMAGE},
    "services": {
        "hermes": {"model": "hermes-3-8b", "hosts": ["gpu-a", "gpu-b"], "devices": [0]},
        "mistral": {"model": "mistral-7b", "hosts": ["gpu-a"], "devices": [1]},
    },
    "gateway": {"hosts": ["gpu-a"]},
}
ABSENT = object()


def changed(*changes):
    """FLEET with values put at paths such as ``services.hermes.model``; ABSENT removes the key."""
    fleet = copy.deepcopy(FLEET)
    for path, value in changes:
        *parents, last = path.split("/")
        part = fleet
        for parent in parents:
            part = part.setdefault(parent, {})
        if value is ABSENT:
            del part[last]
        else:
            part[last] = value
    return fleet


def mistakes(*changes):
    return [str(mistake) for mistake in describe(changed(*changes), HOSTS).mistakes]


def test_a_sound_description_has_no_mistakes():
    assert mistakes() == []


def test_a_mistake_hides_no_other():
    wrong = mistakes(
        ("services/hermes/model", "hermes-3"),
        ("services/hermes/dtype", 16),
        ("services/mistral/devices", [0]),
        ("services/mistral/hosts", "{{ hosts }}"),
        ("gateway/hosts", ["gpu-c"]),
    )
    assert wrong == [
        "services.hermes.dtype: this must be a string, not 16",
        "services.mistral.hosts: '{{ hosts }}' is a template; the plan needs the value before Ansible can resolve it",
        "services.hermes.model: unknown model hermes-3; did you mean hermes-3-8b?",
        "gateway.hosts: unknown host gpu-c; did you mean gpu-b?",
    ]
    assert "services.mistral.devices: device 0 of gpu-a is taken by services.hermes" in mistakes(
        ("services/hermes/model", "hermes-3"), ("services/mistral/devices", [0])
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            ("services/hermes/model", "hermes-3-8B"),
            "services.hermes.model: unknown model hermes-3-8B; did you mean hermes-3-8b?",
            id="unknown model",
        ),
        pytest.param(
            ("services/mistral/hosts", ["gpu-aa"]),
            "services.mistral.hosts: unknown host gpu-aa; did you mean gpu-a?",
            id="unknown host",
        ),
        pytest.param(
            ("services/mistral/devices", [0]),
            "services.mistral.devices: device 0 of gpu-a is taken by services.hermes",
            id="two services on one device",
        ),
        pytest.param(
            ("services/hermes/max_model_length", 1),
            "services.hermes.max_model_length: there is no such key; did you mean max_model_len?",
            id="typo in a key",
        ),
        pytest.param(
            ("services/hermes/max_model_len", "128k"),
            "services.hermes.max_model_len: this must be a whole number, not '128k'",
            id="wrong type",
        ),
        pytest.param(
            ("services/hermes/accelerator", "nvida"),
            "services.hermes.accelerator: 'nvida' is none of nvidia, gaudi, cpu; did you mean nvidia?",
            id="no such choice",
        ),
        pytest.param(("models/hermes-3-8b/family", ABSENT), "models.hermes-3-8b.family: this is missing", id="missing"),
        pytest.param(("servces", {}), "servces: there is no such key; did you mean services?", id="typo at the top"),
        pytest.param(
            ("gateway/hosts", ["gpu-c"]), "gateway.hosts: unknown host gpu-c; did you mean gpu-", id="gateway"
        ),
        pytest.param(("publisher", "gpu-x"), "publisher: unknown host gpu-x; did you mean gpu-", id="publisher"),
        pytest.param(
            ("services/hermes/tensor_parallel_size", 2),
            "services.hermes.tensor_parallel_size: 2 does not match the 1 devices [0]",
            id="parallel size and devices",
        ),
        pytest.param(
            ("services/mistral/served_model_name", "hermes-3-8b"),
            "services.mistral.model: services.hermes serves hermes-3-8b too, with another model",
            id="one name for two models",
        ),
        pytest.param(
            ("services/hermes/extra_args", ["--num-scheduler-steps=8"]),
            "services.hermes.extra_args: vLLM has no --num-scheduler-steps any more",
            id="removed flag",
        ),
        pytest.param(
            ("services/hermes/extra_args", ["--max-model-len", "8"]),
            "services.hermes.extra_args: --max-model-len is set by the plan; the key for it is max_model_len",
            id="flag that has a key",
        ),
        pytest.param(("services", {}), "services: at least one must be described", id="nothing to serve"),
        pytest.param(
            ("services/hermes/hosts", ["gpu-a", "gpu-a"]), "services.hermes.hosts: gpu-a is named twice", id="twice"
        ),
        pytest.param(
            ("services/Hermes", FLEET["services"]["hermes"]), "services.Hermes: a name consists of", id="bad name"
        ),
    ],
)
def test_each_mistake_names_its_key_and_the_way_out(change, message):
    found = mistakes(change)
    assert [line for line in found if line.startswith(message)], found


def test_all_mistakes_are_reported_together():
    found = mistakes(
        ("services/hermes/model", "hermes"), ("services/mistral/hosts", ["gpu-z"]), ("models/mistral-7b/famly", "x")
    )
    assert len(found) == 3, found


def test_what_is_no_mapping_is_said_to_be_none():
    assert [str(mistake) for mistake in describe(["models"], HOSTS).mistakes] == [
        "fleet.yml must be a mapping with the keys models, services and gateway"
    ]


def test_a_template_is_not_judged_before_it_is_resolved():
    assert mistakes(("services/hermes/max_model_len", "{{ context }}"), ("services/hermes/image", "{{ image }}")) == []


def test_known_limits_of_a_family_are_warnings():
    fleet = changed(("services/mistral/tool_call_parser", "mistral"))
    (warning,) = describe(fleet, HOSTS).warnings
    assert str(warning).startswith("services.mistral.tool_call_parser: Mistral 7B calls tools reliably only near")


def test_a_short_context_for_tools_is_a_warning():
    fleet = changed(("services/hermes/tool_call_parser", "hermes"), ("services/hermes/max_model_len", 4096))
    assert "tools take much of a context of 4096 tokens" in [
        warning.problem for warning in describe(fleet, HOSTS).warnings
    ]


def test_a_contract_beyond_the_family_is_a_warning():
    fleet = changed(("models/hermes-3-8b/family", "llama"), ("services/hermes/contract", ["chat", "tools_parallel"]))
    (warning,) = describe(fleet, HOSTS).warnings
    assert str(warning) == (
        "services.hermes.contract: tools_parallel will fail: Llama 3.x makes no parallel tool calls"
    )


def test_an_unknown_capability_is_a_mistake():
    assert mistakes(("services/hermes/contract", ["chat", "tool_named"])) == [
        "services.hermes.contract: there is no capability tool_named; did you mean tools_named?"
    ]


def test_a_scheme_that_does_not_exist_is_refused_with_those_that_do():
    (told,) = mistakes(("models/hermes-3-8b/quantization", "fp8"))
    assert told.startswith("models.hermes-3-8b.quantization: ")
    assert "fp8_dynamic" in told


def test_a_scheme_that_the_accelerator_does_not_run_is_refused_with_those_that_do():
    changes = [("models/mistral-7b/quantization", "fp8_static"), ("services/mistral/accelerator", "cpu")]
    assert mistakes(*changes, ("services/mistral/devices", [])) == [
        "services.mistral.accelerator: mistral-7b is fp8_static, which runs on nvidia only"
    ]


CALIBRATED = (
    ("models/hermes-3-8b/quantization", "inc_fp8"),
    ("services/hermes/accelerator", "gaudi"),
    ("services/hermes/device_generation", "g2"),
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param([], "", id="sound"),
        pytest.param(
            [("services/hermes/accelerator", "nvidia")],
            "services.hermes.accelerator: hermes-3-8b is inc_fp8, which runs on gaudi only",
            id="another accelerator",
        ),
        pytest.param(
            [("services/hermes/device_generation", ABSENT)],
            "services.hermes.device_generation: hermes-3-8b is inc_fp8: say which Gaudi it runs on, g2 or g3",
            id="an unknown generation",
        ),
        pytest.param(
            [("models/hermes-3-8b/revision", "main")],
            "models.hermes-3-8b.revision: inc_fp8 needs a commit here, which is part of the path that its files name",
            id="a branch",
        ),
        pytest.param(
            [("services/hermes/kv_cache_dtype", "fp8")],
            "services.hermes.kv_cache_dtype: hermes-3-8b is inc_fp8, whose cache is fp8_inc; leave this out",
            id="another cache",
        ),
        pytest.param(
            [
                ("services/mistral/model", "hermes-3-8b"),
                ("services/mistral/accelerator", "gaudi"),
                ("services/mistral/device_generation", "g3"),
                ("services/mistral/devices", [4, 5]),
                ("models/mistral-7b", ABSENT),
            ],
            "services.mistral.model: hermes-3-8b is calibrated once, and this is g3 with tensor parallel size 2, "
            "but services.hermes is g2 with tensor parallel size 1",
            id="devices that differ",
        ),
    ],
)
def test_a_calibrated_model_is_for_its_devices(changes, message):
    assert mistakes(*CALIBRATED, *changes) == ([message] if message else [])
