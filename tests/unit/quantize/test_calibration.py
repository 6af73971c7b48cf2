# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import pickle

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize.calibration import read_samples

MESSAGES = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data.jsonl"


def test_each_kind_of_line(data):
    lines = [{"text": "a", "id": 1}, {"prompt": "b"}, {"messages": MESSAGES}]
    data.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    assert read_samples(data, 9) == [{"text": "a"}, {"text": "b"}, {"messages": MESSAGES}]
    assert len(read_samples(data, 2)) == 2


def test_text_is_shipped():
    assert all(sample["text"].strip() for sample in read_samples(None, 512))
    assert len(read_samples(None, 3)) == 3


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (
            b'{"text": "a"}\n{"question": "b"}',
            "line 2 has no text, prompt or messages with anything in them, only question",
        ),
        (b"{}", "only nothing"),
        (b'{"text": ""}', "only text"),
        (b'{"messages": []}', "only messages"),
        (b'{"messages": ["Hello"]}', "only messages"),
        (b'["text"]', "line 1 is no object"),
        (b'{"text": "a"}\ntext,b', "line 2 is not JSON"),
        (b"\xff\xfe", "it is no text"),
    ],
)
def test_what_is_wrong_is_said(data, content, cause):
    data.write_bytes(content)
    with pytest.raises(FleetError, match=cause) as raised:
        read_samples(data, 9)
    assert '{"text": "…"}' in str(raised.value)


def test_a_file_that_is_not_there_is_said(data):
    with pytest.raises(FleetError, match="No such file"):
        read_samples(data, 9)


class Trap:
    """Leaves a file where somebody unpickles it."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return (open, (str(self._path), "w"))


def test_a_pickle_is_not_opened(data, tmp_path):
    data.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(FleetError, match="it is no text"):
        read_samples(data, 9)
    assert not (tmp_path / "sprung").exists()
