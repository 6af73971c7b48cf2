# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from rig.cache import last_user_of_engine, locked, using_engine
from rig.engine import process_name, remove_leftovers


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def short_folder():
    """A socket's path has to be short."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_a_process_is_named_while_it_runs():
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert process_name(process.pid) in ("sleep", "python", "pytest")  # before and after exec
    finally:
        process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process_name(process.pid) == ""
    process.wait()
    assert process_name(process.pid) == ""


@pytest.mark.parametrize("content", [str(os.getpid()), "4194300", ""])
def test_what_a_killed_engine_left_is_removed(short_folder, content):
    pid_file, path = short_folder / "docker.pid", short_folder / "docker.sock"
    pid_file.write_text(content)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    remove_leftovers((str(pid_file), str(short_folder / "none.pid")), (str(path),))
    assert not pid_file.exists()
    assert not path.exists()


def test_a_socket_that_answers_stays(short_folder):
    path = short_folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(path))
        alive.listen()
        remove_leftovers((), (str(path),))
    assert path.exists()


def test_the_engine_is_not_stopped_while_another_rig_uses_it():
    with using_engine(), using_engine(), last_user_of_engine() as last:
        assert not last
    with last_user_of_engine() as last:
        assert last


def test_locks_of_other_names_do_not_wait():
    with locked("a"), locked("b"):
        pass
