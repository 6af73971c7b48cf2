# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module runs as ever, and the terminal shows meanwhile what it writes to its ``progress_file``.

Nothing of the module's run depends on being watched: it neither becomes a job of its own that outlives an interrupted
playbook, nor does it or its result touch the disk where it would not otherwise. One that ends at once costs nothing
more; one that takes longer costs a ``cat`` per line that is shown.
"""

from __future__ import annotations

import copy
import secrets
import sys
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display

from ..module_utils.artifacts.transfer.report import parse_report
from ..module_utils.progress_file import parse_stages
from .progress_text import Pace, line, pause, stages_line

# Ansible's workers have no terminal. The main process reads this file before it makes them: it is the one to ask.
ON_TERMINAL = sys.stdout is not None and sys.stdout.isatty()
PATIENCE = 2.0  # seconds that a result waits for the answer to the last question

display = Display()


class ProgressAction(NormalAction):  # type: ignore[misc]  # Ansible ships no types
    """Runs a module that takes a ``progress_file``."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> Any:
        task = self._task
        if not is_shown(ON_TERMINAL, check_mode=task.check_mode, hidden=task.no_log, job=task.async_val):
            return super().run(tmp, task_vars)
        given = task.args
        # A name that nobody guesses, in a folder that the module makes for itself.
        path = given.get("progress_file") or f"/tmp/inference.fleet-{secrets.token_hex(16)}/progress.json"  # noqa: S108
        host = f"{task_vars['inventory_hostname']}{f' -> {task.delegate_to}' if task.delegate_to else ''}"
        task.args = {**given, "progress_file": path}
        try:
            with Watch(host, self._reader(path), display.display, display.columns):
                result = super().run(tmp, task_vars)
        finally:
            task.args = given  # it may run again, with `until`
        module_args = result.get("invocation", {}).get("module_args", {})
        if "progress_file" in module_args:
            module_args["progress_file"] = given.get("progress_file")
        return result

    def _reader(self, path: str) -> Callable[[], str]:
        """A function that reads ``path`` where the module runs, as who it runs as."""
        # Connection and become plugins keep the state of the command that they run: a second command needs its own.
        other = copy.copy(self)
        other._connection = copy.copy(self._connection)
        other._connection.become = copy.copy(self._connection.become)
        other._connection._shell = copy.copy(self._connection._shell)

        def read() -> str:
            place = other._connection._shell.quote(other._remote_expand_user(path))
            return str(other._low_level_execute_command(f"cat {place}")["stdout"])

        return read


def is_shown(on_terminal: bool, *, check_mode: bool, hidden: bool, job: int) -> bool:
    """Whether there is something to see, and somebody who may: not of what moves nothing, is to be hidden, or runs as a
    job in the background.
    """
    return on_terminal and not (check_mode or hidden or job)


class Watch:
    """Shows what ``read`` returns, from a thread of its own, for as long as the context lasts."""

    def __init__(self, host: str, read: Callable[[], str], show: Callable[..., None], width: int) -> None:
        self._host = host
        self._read = read
        self._show = show
        self._width = width
        self._ended = threading.Event()
        # In Ansible's context, for its plugins look there; a daemon, for no result waits long for it.
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_details: object) -> None:
        self._ended.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        pace = Pace()
        stages: list[str] = []
        began = time.monotonic()
        while not self._ended.wait(pause(time.monotonic() - began)):
            try:
                text = self._read()
                report = parse_report(text)
            except Exception as error:  # a connection that breaks is the module's to report
                display.vvv(f"Failed to read progress: {error}", host=self._host)
                continue
            if report and not self._ended.is_set():
                rate = pace.rate(report, time.monotonic())
                self._show(line(self._host, report, rate, self._width), screen_only=True)
            elif (reached := parse_stages(text)) and reached != stages and not self._ended.is_set():
                stages = reached
                self._show(stages_line(self._host, stages), screen_only=True)
