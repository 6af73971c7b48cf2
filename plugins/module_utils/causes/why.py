# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a container died: the cause found in its state and its log, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from ..compose.state import Container
from ..docker.cli import cause_in
from ..errors import FleetError
from ..sizes import unit_of
from . import of_host, of_vllm
from .failure import LONGEST, Cause, Failure
from .log import Line, telling_lines

# The first that is met counts: what may be the after-effect of another stands below it.
KNOWN: tuple[Failure, ...] = (
    *of_vllm.ARGUMENTS,
    *of_host.SHARED_MEMORY,
    *of_vllm.MEMORY,
    *of_vllm.MODEL,
    *of_host.DEVICE,
    *of_host.NETWORK,
    *of_host.SYSTEM,
    *of_vllm.TEMPLATE,
)

EXCEPTION = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Unavailable|NotFound)\b.*:\s*\S"
)
# An exception that only says that another one was thrown elsewhere.
ECHO = re.compile(
    r"see root cause above|engine core initialization failed|engine process failed to start|enginedead|"
    r"processes? failed to start|worker ?proc.* failed|enginecore failed to start|childfailederror|"
    r"see stack trace for root cause",
    re.IGNORECASE,
)
ALERT = re.compile(r"^\[ALERT\].*")  # HAProxy's; the first one names the mistake

KILLED = 137  # exit code
LAST_WORDS = 4  # lines that are quoted where none is known to be the cause
GOES_ON = 2  # lines that are quoted after an exception's first


def why_it_died(container: Container, log: str) -> Cause:
    """The cause found in the container's state and ``log``, most telling first."""
    if container.error:
        return _first(KNOWN, [Line(container.error)], "") or Cause(container.error[:LONGEST], id="engine")
    lines = telling_lines(log)
    if container.oom_killed:
        return _out_of_memory(container)
    found = _told(lines, log)
    if found:
        return found
    if container.exit_code == KILLED:
        return Cause("it was killed", "Did the host run out of memory? `dmesg` on it says so.", "killed")
    words = _last_words(lines)
    silent = _first(of_host.SILENT, lines, log)
    if silent:
        return replace(silent, cause=silent.cause + words)
    return Cause(f"it ended with exit code {container.exit_code}{words or ' and without a word'}")


def why_refused(output: str) -> str:
    """The words of ``output`` with which a command refuses its configuration."""
    told = _told(telling_lines(output), output)
    return told.cause if told else cause_in(output)


def explained(error: FleetError) -> FleetError:
    """``error`` of a command to the engine, with what to do where its cause is a known one."""
    cause = _first(KNOWN, [Line(error.cause)], "")
    return FleetError(error.attempted, cause.cause, cause.next_step, cause.id) if cause else error


def _told(lines: list[Line], log: str) -> Cause | None:
    return _first(KNOWN, lines, log) or _exception(lines) or _alert(lines)


def _first(failures: Iterable[Failure], lines: list[Line], log: str) -> Cause | None:
    for failure in failures:
        for line in reversed(lines):  # a log may begin with earlier lives of the container
            cause = failure.met(line.text, log)
            if cause:
                return cause
    return None


def _exception(lines: list[Line]) -> Cause | None:
    """The last exception that is no echo, with the lines that its message goes on for."""
    own = [line for line in lines if not ECHO.search(line.text)]
    last = next((at for at in range(len(own) - 1, -1, -1) if EXCEPTION.match(own[at].text)), None)
    if last is None:
        return None
    message = [own[last].text]
    for line in own[last + 1 : last + 1 + GOES_ON]:
        if line.process != own[last].process or EXCEPTION.match(line.text):
            break
        message.append(line.text)
    return Cause(" ".join(message)[:LONGEST], id="exception")


def _alert(lines: list[Line]) -> Cause | None:
    alert = next((line.text for line in lines if ALERT.match(line.text)), "")
    return Cause(alert[:LONGEST], "Correct the configuration named there.", "configuration") if alert else None


def _out_of_memory(container: Container) -> Cause:
    cause = "the kernel killed it for want of memory"
    if not container.memory_limit:
        return Cause(cause, "Did the host run out of memory? `dmesg` on it says so.", "oom_killed")
    limit = unit_of(container.memory_limit).text(container.memory_limit)
    step = "Raise that limit, or lower kv_cache_gib or max_model_len."
    return Cause(f"{cause}: it may use {limit}", step, "oom_killed", {"limit": limit})


def _last_words(lines: list[Line]) -> str:
    words: list[str] = []
    for line in lines:
        if line.text not in words and not ECHO.search(line.text):
            words.append(line.text)
    quoted = "; ".join(words[-LAST_WORDS:])[-LONGEST:]
    return f"; its last words: {quoted}" if quoted else ""
