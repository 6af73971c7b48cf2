# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hub or a store does not give is named, with what to do about it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.fetch import ExpiredError
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.open import open_store

from .conftest import TOKEN
from .repository import GATED, KEY, TINY

WRONG = "hf_wrong"

pytestmark = pytest.mark.usefixtures("repository")


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_gated_repository_names_the_variable(publish, check_mode):
    _found, (error,) = publish(GATED, check_mode=check_mode)
    assert "HTTP 401" in str(error)
    assert "set model_store_hub_token" in str(error)
    _found, (error,) = publish(GATED, token=WRONG, check_mode=check_mode)
    assert "HTTP 403" in str(error)
    assert WRONG not in str(error)
    assert publish(GATED, token=TOKEN, check_mode=check_mode)[1] == []


@pytest.mark.parametrize(
    ("artifact", "said"),
    [
        (replace(TINY, repo_id="org/other"), "no such repository"),
        (replace(TINY, revision="0" * 40), "it has no revision 0000"),
        (replace(TINY, revision="dev"), "it has no revision dev"),
        (replace(TINY, formats=("gguf",)), "it has no gguf files but safetensors, bin"),
    ],
)
def test_what_the_hub_does_not_have_is_named_and_the_rest_comes(publish, download, artifact, said):
    for (found,), (error,) in (publish(artifact, TINY), download(artifact, TINY)):
        assert said in str(error)
        assert found.repo_id == "org/tiny"


def test_an_unreachable_hub_is_named(publish, hub):
    hub.shutdown()
    hub.server_close()
    _found, (error,) = publish(TINY)
    assert "Is model_store_hub_url right, and can the publisher reach it?" in str(error)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bucket": "nowhere-to-be-found"}, "NoSuchBucket"),
        ({"secret_key": "wrong"}, "HTTP 403"),
        ({"access_key": "wrong"}, "HTTP 403"),
        ({"endpoint": "http://127.0.0.1:9"}, "can the publisher reach it?"),
        ({"bucket": ""}, "model_store_s3_bucket"),
    ],
)
def test_a_store_that_refuses_is_named(settings, change, said):
    _models, _sources, (error,) = look(open_store(replace(settings, **change)), [TINY])
    assert said in str(error)
    assert "wrong" not in str(error)


def test_an_absent_model_names_the_playbook(store):
    _models, sources, (error,) = look(store, [TINY], presign=60)
    assert sources == []
    assert f"{KEY} is absent" in str(error)
    assert look(store, [TINY])[0][0]["published"] is False


def test_an_address_that_never_served_is_no_reason_to_ask_for_another(publish, fetch, store):
    publish(TINY)
    _models, sources, _errors = look(store, [TINY], presign=1)
    time.sleep(2.1)
    _found, _missing, (error,) = fetch(TINY, sources=sources)
    assert "HTTP 403" in str(error)
    assert "the address has expired" in str(error)
    assert not isinstance(error, ExpiredError)
