# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.serving.models import (
    Model,
    difference,
    parse_models,
    read_lists,
    require_lists,
)

from .conftest import KEY

VLLM = {"object": "list", "data": [{"id": "tiny", "root": "/m", "max_model_len": 1024, "parent": None}]}
OPENAI = {"object": "list", "data": [{"id": "gpt", "object": "model", "owned_by": "openai"}]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(VLLM, [Model("tiny", "/m", 1024)], id="vllm says what it loaded"),
        pytest.param(OPENAI, [Model("gpt")], id="others say only the id"),
        pytest.param({"data": []}, [], id="nothing served"),
    ],
)
def test_model_list_is_read(body, expected):
    assert parse_models(body) == expected


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "that is no OpenAI model list"),
        ([], "that is no OpenAI model list"),
        ({"detail": "Not Found"}, "that is no OpenAI model list"),
        ({"data": [{"name": "x"}]}, "an entry of the model list has no id"),
        ({"data": ["x"]}, "an entry of the model list has no id"),
        ({"data": [{"id": "x"}, {"id": "x"}]}, "the model id x is listed twice"),
        ({"data": [{"id": "x\x1b[2J"}]}, r"the model id 'x\\x1b\[2J' has characters that cannot be shown"),
        ({"data": [{"id": "x\u202ey"}]}, r"the model id 'x\\u202ey' has characters that cannot be shown"),
    ],
)
def test_anything_else_has_its_message(body, said):
    with pytest.raises(ValueError, match=said):
        parse_models(body)


def test_unicode_ids_are_ids():
    assert parse_models({"data": [{"id": "模型-β"}]}) == [Model("模型-β")]


@pytest.mark.parametrize(
    ("expect", "absent", "said"),
    [
        (["tiny"], ["old"], ""),
        (["hermes"], [], "hermes is missing; it serves tiny, base"),
        ([], ["base"], "base should not be there; it serves tiny, base"),
        (["hermes"], ["base"], "hermes is missing and base should not be there; it serves tiny, base"),
    ],
)
def test_the_difference_is_said_beside_what_is_served(expect, absent, said):
    assert difference(["tiny", "base"], expect, absent) == said


def test_lists_of_several_endpoints_are_read_at_once(serve, port):
    serve()
    common = {"api_key": KEY, "ca": None, "expect": [], "expect_absent": []}
    good = {**common, "base_url": f"http://127.0.0.1:{port}/v1"}
    bad = {**common, "base_url": "http://127.0.0.1:9/v1", "name": "gone"}
    found = read_lists([good, bad, {**good, "expect_absent": ["tiny"]}], 5)
    assert [entry["name"] for entry in found] == [good["base_url"], "gone", good["base_url"]]
    assert found[0]["models"] == [{"id": "tiny", "root": None, "max_model_len": None, "parent": None}]
    with pytest.raises(FleetError) as raised:
        require_lists(found)
    assert "gone: http://127.0.0.1:9/v1/models: Connection refused" in str(raised.value)
    assert "tiny should not be there" in str(raised.value)
