# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a terminal shows of a long task, and that everything else is as without one."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from rig.standins import hub as standin

COLLECTIONS = str(Path(__file__).parents[2] / "collections")
TOKEN = "hf_" + "right"
WRONG = "hf_" + "wrong"
SIZE = 100 * 1024 * 1024  # bytes; seven pieces
WIDTH = 200  # characters
LINE = re.compile(
    r"^here: fetching slow-[0-9a-f]+ \(org/slow at main\)  \d+\.\d of 100\.0 MiB  \d+(\.\d)? ([KM]i)?B/s"
    r"(  [\w ]+ left)?(  \([a-z.]+ \d+ %(, [a-z.]+ \d+ %)*\))?$",
    re.M,
)


class SlowHandler(standin.Handler):
    """Sends one file, or piece of a file, a second."""

    def _content(self, file, headers):
        if self.command == "GET":
            with self.server.turn:
                time.sleep(1.0)
        super()._content(file, headers)


@contextmanager
def slow_hub(root):
    """URL of a hub with org/slow, and org/gated."""
    for name in ("slow", "gated"):
        folder = root / "org" / name
        folder.mkdir(parents=True)
        with (folder / "model.safetensors").open("wb") as file:
            file.truncate(SIZE)
        for part in ("config.json", "tokenizer.json"):
            (folder / part).write_text(f'["{part}"]', encoding="utf-8")
    server = standin.Hub(("127.0.0.1", 0), root, gated=["org/gated"], token=TOKEN)
    server.RequestHandlerClass = SlowHandler
    server.turn = threading.Lock()
    server.handle_error = lambda *_details: None  # who is interrupted does not read to the end
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with slow_hub(tmp_path_factory.mktemp("hub")) as url:
        yield url


class Playbook:
    """A playbook that takes a snapshot on this machine, and what Ansible is to be run with."""

    def __init__(self, folder, url, repository="org/slow", token=TOKEN):
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.name = f"slow-{uuid.uuid4().hex}"
        snapshot = {
            "models": [{"repo_id": repository, "revision": "main", "name": self.name}],
            "cache_dir": str(folder / "cache"),
            "hub_url": url,
            "hub_token": token,
        }
        keep = {"content": "{{ done | to_json }}", "dest": str(folder / "result.json")}
        tasks = [
            {"inference.fleet.hf_snapshot": snapshot, "register": "done", "ignore_errors": True},
            {"ansible.builtin.copy": keep, "check_mode": False},
        ]
        play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
        (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_LOG_PATH": str(folder / "log"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
        }
        self._command = ["ansible-playbook", "-vvv", "--inventory", "here,", "--connection", "local", "play.yml"]
        self._command += ["--extra-vars", "ansible_python_interpreter=/usr/bin/python3"]

    @property
    def result(self):
        """What the module returned, but for names that are this playbook's own."""
        text = (self._folder / "result.json").read_text(encoding="utf-8")
        text = text.replace(str(self._folder), "FOLDER").replace(self.name, "NAME")
        return json.loads(re.sub(r"http://127\.0\.0\.1:\d+", "URL", text))

    @property
    def log(self):
        return (self._folder / "log").read_text(encoding="utf-8")

    def reports(self):
        """Where the module reports to now."""
        return [path for path in Path("/tmp").glob("inference.fleet-*/progress.json") if self._is_ours(path)]  # noqa: S108

    def _is_ours(self, path):
        try:
            return self.name in path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False

    def run(self, *options):
        """What is printed to a pipe."""
        return subprocess.run(
            [*self._command, *options],
            cwd=self._folder, env=self._environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def run_on_terminal(self, *options):
        """What is printed to a terminal."""
        with self.on_terminal(*options) as (_process, printed):
            return printed()

    @contextmanager
    def on_terminal(self, *options):
        """The process, and a function that waits for it and returns what is printed to a terminal."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
        process = subprocess.Popen(
            [*self._command, *options],
            cwd=self._folder, env=self._environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        chunks = []

        def read():
            with suppress(OSError):  # at the end, when nobody holds the other side any more
                while True:
                    chunks.append(os.read(ours, 65536))

        reading = threading.Thread(target=read, daemon=True)
        reading.start()

        def printed():
            process.wait(120)
            reading.join(10)
            return b"".join(chunks).decode().replace("\r\n", "\n")

        try:
            yield process, printed
        finally:
            process.kill()
            process.wait()
            reading.join(10)
            os.close(ours)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same on a terminal and not, at the same time, with a hub each: playbooks, and what they printed."""
    with ExitStack() as hubs, ThreadPoolExecutor() as pool:
        runs = []
        for run in (Playbook.run_on_terminal, Playbook.run):
            folder = tmp_path_factory.mktemp("run")
            playbook = Playbook(folder, hubs.enter_context(slow_hub(folder / "hub")))
            runs.append((playbook, pool.submit(run, playbook)))
        return [(playbook, printing.result()) for playbook, printing in runs]


def test_a_terminal_shows_bytes_rate_time_left_and_files(both):
    (playbook, printed), _plain = both
    lines = [found[0] for found in LINE.finditer(printed)]
    assert 1 <= len(lines) <= 5, printed
    assert any(" s left  (model.safetensors " in line for line in lines), lines
    assert len(lines) == printed.count("here: fetching"), "all of them are as expected"
    assert "fetching" not in playbook.log, "a log is no terminal"


def test_nothing_of_the_kind_appears_elsewhere(both):
    _terminal, (playbook, printed) = both
    assert playbook.result["changed"]
    assert "fetching" not in printed


def test_the_result_is_the_same(both):
    (terminal, printed), (plain, _printed) = both
    assert terminal.result == plain.result
    assert '"progress_file": null' in printed, "what was asked for is shown, not how it was done"


def test_no_token_is_shown_and_no_report_left(both):
    for playbook, printed in both:
        assert TOKEN not in printed
        assert TOKEN not in playbook.log
        assert playbook.reports() == []


def test_check_mode_shows_nothing(hub, tmp_path):
    playbook = Playbook(tmp_path, hub)
    printed = playbook.run_on_terminal("--check")
    assert playbook.result["changed"]
    assert "fetching" not in printed


@pytest.mark.parametrize(("repository", "token"), [("org/absent", TOKEN), ("org/gated", WRONG)])
def test_a_failure_is_the_same(repository, token, hub, tmp_path):
    terminal = Playbook(tmp_path / "terminal", hub, repository, token)
    plain = Playbook(tmp_path / "plain", hub, repository, token)
    for printed in (terminal.run_on_terminal(), plain.run()):
        assert repository in printed
        assert token not in printed
    assert terminal.result["failed"]
    assert terminal.result == plain.result


def test_an_interrupted_playbook_ends_the_transfer_and_leaves_no_report(hub, tmp_path):
    playbook = Playbook(tmp_path, hub)
    with playbook.on_terminal() as (process, printed):
        deadline = time.monotonic() + 30
        while not (reports := playbook.reports()):
            assert time.monotonic() < deadline, "nothing began"
            time.sleep(0.1)
        assert reports[0].parent.stat().st_mode & 0o777 == 0o700
        os.killpg(process.pid, signal.SIGINT)
        printed()
        while reports[0].parent.exists():
            assert time.monotonic() < deadline, "it goes on"
            time.sleep(0.1)
