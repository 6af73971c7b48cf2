# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions for calibration on Gaudi: read here as JSON, and in the container as a table, never a pickle here."""

from __future__ import annotations

import json
import pickle
import sys

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError
from ansible_collections.inference.fleet.plugins.module_utils.quantize import gaudi_calibrate
from ansible_collections.inference.fleet.plugins.module_utils.quantize.gaudi_dataset import COLUMNS, read_questions

from .conftest import STANDINS

ROW = {"system_prompt": "Be brief.", "question": "Why is the sky blue?"}


@pytest.fixture
def container(monkeypatch):
    """What runs in the container has pandas, or what stands in for it."""
    monkeypatch.syspath_prepend(str(STANDINS))
    yield
    sys.modules.pop("pandas", None)


def test_lines_are_read_and_other_columns_dropped(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text(json.dumps({**ROW, "id": 1}) + "\n\n" + json.dumps(ROW) + "\n")
    assert read_questions(path) == [ROW, ROW]


def test_there_are_questions_without_a_file():
    rows = read_questions(None)
    assert rows
    assert all(tuple(row) == COLUMNS for row in rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b"\n \n", "it is empty", id="blank"),
        pytest.param(b'{"question": "a"}\n', "line 1 has no system_prompt, only question", id="a column"),
        pytest.param(b'{"text": "a"}\n', "line 1 has no system_prompt and no question, only text", id="both"),
        pytest.param(b'{"system_prompt": "", "question": " "}', "the question in line 1 is empty", id="no question"),
        pytest.param(b"[1]", "line 1 is no object", id="a list"),
        pytest.param(b"{", "line 1 is not JSON", id="not JSON"),
        pytest.param(b"\x80\x04\x95", "it is no text", id="a pickle under another name"),
    ],
)
def test_a_file_without_questions_is_refused(tmp_path, content, message):
    path = tmp_path / "questions.jsonl"
    path.write_bytes(content)
    with pytest.raises(FleetError) as raised:
        read_questions(path)
    assert str(raised.value).startswith(f"Failed to read the calibration data in {path}: {message}.")
    assert "Give it lines such as" in str(raised.value)


def test_other_kinds_of_files_are_refused(tmp_path):
    path = tmp_path / "questions.csv"
    path.touch()
    with pytest.raises(FleetError, match=r"its name ends in none of \.jsonl"):
        read_questions(path)


class Program:
    """Runs as it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_a_pickle_is_not_opened_here(tmp_path):
    path, marker = tmp_path / "questions.pkl", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Program(marker)))
    assert read_questions(path) is None
    assert not marker.exists()


@pytest.mark.usefixtures("container")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            '[{"question": "a"}]', "the calibration data a.pkl has no system_prompt, only question", id="column"
        ),
        pytest.param("[]", "has no system_prompt and no question, only nothing", id="nothing at all"),
        pytest.param("no table", "the calibration data a.pkl cannot be read (JSONDecodeError: ", id="unreadable"),
    ],
)
def test_a_table_without_questions_is_refused(tmp_path, content, message):
    path = tmp_path / "a.pkl"
    path.write_text(content)
    request = {"data": str(path), "rows": None}
    with pytest.raises(gaudi_calibrate.RefusedError) as raised:
        gaudi_calibrate.write_questions(request, tmp_path / "b.pkl")
    assert message in raised.value.answer["cause"]
    assert raised.value.answer["next_step"] == "Give it the columns system_prompt and question."


@pytest.mark.usefixtures("container")
def test_a_table_gives_its_questions(tmp_path):
    path, made = tmp_path / "a.parquet", tmp_path / "b.pkl"
    path.write_text(json.dumps([{**ROW, "id": 1}]))
    gaudi_calibrate.write_questions({"data": str(path), "rows": None}, made)
    assert json.loads(made.read_text()) == [ROW]
