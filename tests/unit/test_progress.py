# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of a transfer: written, read, and as people see them."""

from __future__ import annotations

import json
import time

import pytest

from ansible_collections.inference.fleet.plugins.module_utils import progress_file
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer import progress as writing
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.pieces import Piece, Segment
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.report import (
    FileReport,
    Report,
    parse_report,
)
from ansible_collections.inference.fleet.plugins.module_utils.progress_file import ProgressFile, Stages, parse_stages
from ansible_collections.inference.fleet.plugins.module_utils.sizes import GIB, unit_of
from ansible_collections.inference.fleet.plugins.plugin_utils import progress_action
from ansible_collections.inference.fleet.plugins.plugin_utils.progress_text import (
    Pace,
    duration,
    line,
    pause,
    stages_line,
)

SHARDS = tuple(FileReport(f"model-{shard}.safetensors", shard * 10, 100) for shard in range(1, 5))


def report(done, seconds=0.0, *, what="fetching falcon", total=16 * 2**30, files=()):
    return Report(what, done, total, seconds, tuple(files))


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (812 * 2**20, "812.0 MiB"), (3 * 2**40, "3.0 TiB")],
)
def test_bytes_have_the_largest_unit_that_fits(amount, said):
    assert unit_of(amount).text(amount) == said


def test_room_is_counted_in_one_unit():
    assert GIB.text(1000) == "0.0 GiB"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_times_have_two_places(seconds, said):
    assert duration(seconds) == said


def test_a_line_says_bytes_rate_time_left_and_files():
    told = line("gpu-a", report(4 * 2**30, files=SHARDS[:1]), 0.8 * 2**30, 200)
    assert told == "gpu-a: fetching falcon  4.0 of 16.0 GiB  819.2 MiB/s  15 s left  (model-1.safetensors 10 %)"


def test_a_line_has_as_many_files_as_fit_and_at_least_one():
    wide = line("gpu-a", report(2**30, files=SHARDS), 2**30, 130)
    assert len(wide) <= 130
    assert wide.endswith("(model-1.safetensors 10 %, model-2.safetensors 20 %, 2 more)")
    assert line("gpu-a", report(2**30, files=SHARDS), 2**30, 10).endswith("(model-1.safetensors 10 %, 3 more)")


def test_where_nothing_comes_no_time_is_promised():
    assert line("gpu-a", report(0), 0.0, 200) == "gpu-a: fetching falcon  0.0 of 16.0 GiB  0 B/s"


def test_names_do_not_write_to_the_terminal():
    told = line("gpu-a", report(1, what="a\x1b[2Jb", files=[FileReport("c\r\nd", 1, 2)]), 1.0, 200)
    assert "a?[2Jb" in told
    assert "c??d" in told


def test_lines_grow_rarer():
    assert [pause(elapsed) for elapsed in (0, 50, 300, 6000)] == [5, 5, 30, 60]


def test_the_rate_is_that_of_late():
    pace = Pace()
    assert pace.rate(report(500, 5), 1005) == 100
    assert pace.rate(report(600, 9), 1010) == 60
    for now in range(1015, 1045, 5):
        last = pace.rate(report(600, 9), now)
    assert last == 0, "nothing came for half a minute"
    assert pace.rate(report(1100, 94), 1090) == 10, "over the time since the line before, if that is longer"


@pytest.mark.parametrize("other", [report(90, 3, what="fetching other"), report(90, 3, total=7), report(90, 3)])
def test_the_rate_begins_anew_with_another_model_or_attempt(other):
    pace = Pace()
    pace.rate(report(500, 5), 1005)
    assert pace.rate(other, 1010) == 30


def test_what_is_written_is_read():
    told = report(5, 1.5, files=SHARDS)
    assert parse_report(told.as_json()) == told


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "{}", '{"what": 1}', '{"files": 3}', report(1).as_json().replace("0.0", "null")]
)
def test_anything_else_is_no_report(text):
    assert parse_report(text) is None


@pytest.fixture
def progress(monkeypatch):
    """Makes a Progress that writes at once, and forgets to tidy up."""
    monkeypatch.setattr(writing, "EVERY", 0.0)
    monkeypatch.setattr(progress_file.atexit, "register", lambda _function: None)
    return writing.Progress


def move(progress):
    progress.begin("fetching falcon", {"b1": 10, "b2": 5}, {"b1": "one", "b2": "two"})
    progress.moved(Piece(0, 9, (Segment("b1", 0, 4, 0), Segment("b2", 0, 5, 4))))


def test_the_file_says_how_far_it_is_and_goes_at_the_end(progress, tmp_path):
    path = tmp_path / "ours" / "progress.json"
    moving = progress(str(path))
    assert not path.parent.exists(), "nothing moves yet"
    move(moving)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    told = parse_report(path.read_text())
    assert (told.what, told.done, told.total, told.files) == ("fetching falcon", 9, 15, (FileReport("one", 4, 10),))
    moving._file._remove()
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_was_there_stays(progress, tmp_path):
    moving = progress(str(tmp_path / "progress.json"))
    move(moving)
    moving._file._remove()
    assert not [*tmp_path.iterdir()]


def test_a_link_is_not_followed(progress, tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "progress.json.staging").symlink_to("precious")
    move(progress(str(tmp_path / "progress.json")))
    assert (tmp_path / "precious").read_text() == "kept"
    assert json.loads((tmp_path / "progress.json").read_text())["done"] == 9


def test_what_cannot_be_told_fails_nothing(progress, tmp_path):
    moving = progress(str(tmp_path / "no" / "such" / "progress.json"))
    move(moving)
    moving._file._remove()


@pytest.mark.parametrize(
    ("on_terminal", "check_mode", "hidden", "job", "shown"),
    [
        (True, False, False, 0, True),
        (False, False, False, 0, False),
        (True, True, False, 0, False),
        (True, False, True, 0, False),
        (True, False, None, 60, False),
    ],
)
def test_progress_is_shown_where_there_is_some_and_somebody_may_see_it(on_terminal, check_mode, hidden, job, shown):
    assert progress_action.is_shown(on_terminal, check_mode=check_mode, hidden=hidden, job=job) is shown


@pytest.fixture
def watch(monkeypatch):
    """Watches ``read`` for a while, and returns the lines that were shown."""

    def run(read, seconds):
        lines = []
        with progress_action.Watch("gpu-a", read, lambda text, **_options: lines.append(text), 80):
            time.sleep(seconds)
        return lines

    monkeypatch.setattr(progress_action, "pause", lambda _elapsed: 0.02)
    return run


def test_a_watch_shows_what_it_reads(watch):
    assert watch(report(5).as_json, 0.2)[0].startswith("gpu-a: fetching falcon  0.0 of 16.0 GiB")


def test_what_ends_at_once_is_not_even_read(watch):
    def read():
        raise AssertionError

    assert watch(read, 0.0) == []


def test_a_connection_that_breaks_is_passed_over(watch):
    answers = iter([OSError("gone"), "", report(5).as_json()])

    def read():
        answer = next(answers, "")
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert len(watch(read, 0.3)) == 1


def test_a_connection_that_hangs_holds_nothing_up(watch, monkeypatch):
    monkeypatch.setattr(progress_action, "PATIENCE", 0.1)

    def read():
        time.sleep(0.5)
        return report(5).as_json()

    began = time.monotonic()
    assert watch(read, 0.1) == []
    assert time.monotonic() - began < 0.4


def test_stages_are_told_as_they_are_reached(tmp_path):
    path = tmp_path / "made" / "progress.json"
    stages = Stages(ProgressFile(str(path)))
    stages.reached("web", "")
    assert not path.exists()
    stages.reached("web", "weights 1 of 2")
    stages.reached("api", "loading")
    stages.reached("web", "weights 2 of 2")
    assert parse_stages(path.read_text()) == ["web: weights 2 of 2", "api: loading"]
    assert stages_line("gpu-a", ["web: \x1b[2J"]) == "gpu-a: web: ?[2J"
    assert parse_report(path.read_text()) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stages": 1}', report(1).as_json()])
def test_what_is_no_stages_has_no_lines(text):
    assert parse_stages(text) == []
