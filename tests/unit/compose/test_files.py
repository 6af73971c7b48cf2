# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.compose import files as compose_files
from ansible_collections.inference.fleet.plugins.module_utils.compose.files import (
    Changes,
    ProjectFile,
    apply,
    compare,
    differences,
    read_tree,
    replace_tree,
    wanted_files,
    without_secrets,
)
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

OWN = (os.getuid(), os.getgid())
COMPOSE = {"path": "compose.yaml", "content": "{}", "mode": "0644"}


def file(path, content="x", mode=0o644, secret=False):
    return ProjectFile(path, content.encode(), mode, OWN, secret)


def by_path(*files):
    return {file.path: file for file in files}


def test_wanted_files_carry_mode_owner_and_secrecy():
    wanted = wanted_files([COMPOSE], [{"path": "./a.env", "content": "é", "mode": "0600", "owner": "10001"}])
    assert wanted["compose.yaml"] == ProjectFile("compose.yaml", b"{}", 0o644)
    assert wanted["a.env"] == ProjectFile("a.env", "é".encode(), 0o600, (10001, 10001), secret=True)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        pytest.param([{**COMPOSE, "path": "other.yaml"}], "compose.yaml is not among its files", id="no compose file"),
        pytest.param([COMPOSE, COMPOSE], "Failed to place compose.yaml: it is given twice", id="twice"),
        pytest.param([{**COMPOSE, "path": "../x"}], "'../x': it is not a path inside", id="outside"),
        pytest.param([{**COMPOSE, "path": "/etc/x"}], "'/etc/x': it is not a path inside", id="absolute"),
        pytest.param([{**COMPOSE, "path": "."}], "'.': it is not a path inside", id="the directory itself"),
        pytest.param([{**COMPOSE, "mode": "rw"}], "mode 'rw' is not an octal number. Quote it", id="mode"),
        pytest.param([{**COMPOSE, "owner": "web"}], "owner 'web' is not uid:gid. Use numbers", id="owner"),
    ],
)
def test_what_cannot_be_placed_is_refused(entries, message):
    with pytest.raises(FleetError) as raised:
        wanted_files(entries, [])
    assert message in str(raised.value)


def test_changes_turn_what_is_found_into_what_is_wanted(tmp_path):
    apply(Changes(write=(file("same"), file("mode", mode=0o600), file("text", "old"), file("d/gone"))), tmp_path)
    wanted = by_path(file("same"), file("mode"), file("text"), file("d/new"))
    changes = compare(wanted, read_tree(tmp_path))
    assert changes.paths == ["d/gone", "d/new", "mode", "text"]
    apply(changes, tmp_path)
    assert read_tree(tmp_path) == wanted
    assert not compare(wanted, read_tree(tmp_path))


def test_another_owner_is_a_change():
    assert compare(by_path(file("a")), {"a": ProjectFile("a", b"x", 0o644, (OWN[0] + 1, OWN[1]))})


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    apply(Changes(write=(file("a", "old"),)), tmp_path)

    def full(_descriptor):
        raise OSError("No space left on device")

    monkeypatch.setattr(compose_files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        apply(Changes(write=(file("a", "new"),)), tmp_path)
    assert read_tree(tmp_path) == by_path(file("a", "old"))


def test_a_copy_is_exact_and_private(tmp_path):
    replace_tree(by_path(file("a"), file("b")), tmp_path / "copy")
    replace_tree(by_path(file("b", "new", 0o600)), tmp_path / "copy")
    assert read_tree(tmp_path / "copy") == by_path(file("b", "new", 0o600))
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700


def test_differences_show_texts_and_hide_secrets(tmp_path):
    found = by_path(file("plain", "old"), file("turned", "hidden-1", 0o600), file("gone", "hidden-2", 0o600))
    wanted = by_path(file("plain", "new"), file("turned", "hidden-3"), file("key", "hidden-4", secret=True))
    shown = differences(compare(wanted, found), found, ["turned", "gone"], tmp_path)
    assert [(entry["before"], entry["after"]) for entry in shown] == [
        ("before (secret; not shown)\n", ""),
        ("", "after (secret; not shown)\n"),
        ("old", "new"),
        ("before (secret; not shown)\n", "after (secret; not shown)\n"),
    ]
    assert shown[2]["before_header"] == str(tmp_path / "plain")


@pytest.mark.parametrize(
    ("content", "text", "shown"),
    [
        ("API_KEY='long-enough'\n", "API_KEY is long-enough!", "API_KEY is (secret)!"),
        ("export API_KEY = long-enough\n", "API_KEY=long-enough", "API_KEY=(secret)"),
        ("balancer Bearer long-enough\n", "Bearer long-enough", "Bearer (secret)"),
        ("long-enough long-enough-too", "long-enough-too", "(secret)"),
        ("DEBUG=1\n", "exit code 1", "exit code 1"),
        ("", "nothing", "nothing"),
    ],
)
def test_words_of_secret_files_are_struck_out(content, text, shown):
    assert without_secrets(text, [file("a", content, secret=True), file("b", text)]) == shown
