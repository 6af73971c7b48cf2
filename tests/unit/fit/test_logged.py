# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions, held against what real vLLM logged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ansible_collections.inference.fleet.plugins.module_utils.fit.alike import alike
from ansible_collections.inference.fleet.plugins.module_utils.fit.flags import GIB, Flags
from ansible_collections.inference.fleet.plugins.module_utils.fit.memory import Device
from ansible_collections.inference.fleet.plugins.module_utils.fit.predict import Case, predict

from .tensors_of import config_of, tensors_of

LOGGED = yaml.safe_load(Path(__file__).with_name("logged.yml").read_text(encoding="utf-8"))
GIVEN = [entry for entry in LOGGED if "space" in entry]
DERIVED = [entry for entry in LOGGED if "space" not in entry]
UNWEIGHED = ("granite-hybrid", "qwen3-next")  # whose tensors the tests do not derive; they do not count here
NODE = Device(0, int(23.54 * GIB))


def name_of(entry):
    return f"{entry['model'].split('/')[1]}-{entry['tokens']}"


def predicted(entry):
    tensors = () if entry["model"].endswith(UNWEIGHED) else tensors_of(entry["model"])
    flags = Flags("cpu", kv_cache_gib=entry.get("space"), enforce_eager=True, **entry["flags"])
    return predict(Case(config_of(entry["model"]), alike(tensors), flags, (NODE,), ("avx512_bf16",)))


@pytest.mark.parametrize("entry", GIVEN, ids=name_of)
def test_a_space_that_is_given_holds_just_the_tokens_that_vllm_logs(entry):
    made = predicted(entry)
    assert (made.tokens, round(made.concurrency, 2), made.fits) == (entry["tokens"], entry["times"], "yes")


@pytest.mark.parametrize("entry", DERIVED, ids=name_of)
def test_a_space_that_vllm_derives_is_predicted_within_5_percent(entry):
    assert predicted(entry).tokens == pytest.approx(entry["tokens"], rel=0.05)


def test_the_longest_context_is_the_one_that_vllm_names():
    """vllm_logs/kv_cache_too_small.log: 'the estimated maximum model length is 46464' with 1 GiB: of 364 blocks of 128
    tokens one is kept back. vLLM was told to go beyond the 8192 tokens that the model was made for.
    """
    model = replace(config_of("models/HuggingFaceTB--SmolLM2-135M-Instruct"), longest=100000)
    made = predict(Case(model, (), Flags("cpu", kv_cache_gib=1, max_model_len=100000), (NODE,)))
    assert (made.longest, made.fits) == (363 * 128, "no")
    assert "takes 2.2 GiB of the KV cache, for which 1.0 GiB are left" in made.cause
