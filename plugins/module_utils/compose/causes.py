# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a container died: the one line of its log that says so, and what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..docker.cli import cause_in
from .state import Container

# What loggers put before the message: a process in brackets, a level, a time, a place in the source.
PREFIX = re.compile(
    r"^(?:\((?:\w|[ =.:-])+\)\s*)?"
    r"(?:(?:ERROR|CRITICAL|FATAL|WARNING|INFO|DEBUG)\b:?\s*(?:\d\d-\d\d \d\d:\d\d:\d\d)?\s*(?:\[[^\]]+:\d+\])?\s*)?"
)
EXCEPTION = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Unavailable|NotFound)\b.*:\s*\S"
)
# An exception that only says that another one was thrown elsewhere.
ECHO = re.compile(
    r"see root cause above|engine core initialization failed|engine process failed to start|enginedead|"
    r"processes? failed to start|worker proc.* failed|the above exception|childfailederror",
    re.IGNORECASE,
)

# What is known to go wrong: the line that says it, and what to do.
KNOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), step)
    for pattern, step in (
        (
            r"^[\w./-]+(?: serve)?: error: .+",
            "Correct the service's arguments; `vllm serve --help=all` in this very image lists those it knows.",
        ),
        (
            r"insufficient space in /dev/shm|no space left on device.*shm|unable to write to file </torch",
            "Raise shm_size.",
        ),
        (
            r"cuda out of memory|hip out of memory|outofmemoryerror",
            "Lower gpu_memory_utilization or max_model_len, or use more devices.",
        ),
        (
            r"free memory on device .* is less than desired|no available memory for the cache blocks",
            "Lower gpu_memory_utilization, or see what else uses the device.",
        ),
        (
            r"max seq len .* larger than the maximum number of tokens|kv cache is needed.*larger than the available",
            "Lower max_model_len, or give the KV cache more memory.",
        ),
        (
            r"localentrynotfounderror|offlinemodeisenabled|cannot find an appropriate cached snapshot|"
            r"can't load the configuration of|is not a local folder and is not a valid model",
            "Is this revision of the model in the host's cache? The role model_cache puts it there.",
        ),
        (
            r"nvidia-container-cli|could not select device driver|failed to discover gpu|"
            r"(?:initialize|initialization of) nvml|nvmlerror|nvml shared library not found",
            "Check the driver and the container toolkit on this host.",
        ),
        (r"unknown or invalid runtime name", "Install the accelerator's container runtime on this host."),
        (r"address already in use|port is already allocated", "Find what holds the port, or choose another."),
        (r"permission denied", "May the container's user read what is mounted?"),
    )
)
ALERT = re.compile(r"^\[ALERT\].*")  # HAProxy's; the first one names the mistake


KILLED = 137  # exit code
LONGEST = 500  # characters of a line that a message quotes


@dataclass(frozen=True)
class Cause:
    """Why it died, and what to do."""

    cause: str
    next_step: str = ""
    found: bool = True  # whether it was named, rather than guessed from how it ended


def why_it_died(container: Container, log: str) -> Cause:
    """The cause found in the container's state and ``log``, most telling first."""
    if container.error:
        return _with_known_step(container.error)
    lines = [line for line in (PREFIX.sub("", raw.strip()).strip() for raw in log.splitlines()) if line]
    line = _telling(lines)
    if container.oom_killed or (container.exit_code == KILLED and not line):
        return Cause(
            "the kernel killed it for want of memory" if container.oom_killed else "it was killed",
            "Did the host run out of memory? `dmesg` on it says so.",
        )
    if line:
        return _with_known_step(line)
    last_words = f"; its last words: {lines[-1][:LONGEST]}" if lines else " and without a word"
    return Cause(f"it ended with exit code {container.exit_code}{last_words}", found=False)


def why_refused(output: str) -> str:
    """The line of ``output`` with which a command refuses its configuration."""
    return _telling([line.strip() for line in output.splitlines() if line.strip()]) or cause_in(output)


def _telling(lines: list[str]) -> str:
    own = [line for line in lines if not ECHO.search(line)]
    for pattern, _cause in KNOWN:
        for line in reversed(own):
            if pattern.search(line):
                return line
    exceptions = [line for line in own if EXCEPTION.match(line)]
    return exceptions[-1] if exceptions else next((line for line in own if ALERT.match(line)), "")


def _with_known_step(line: str) -> Cause:
    step = next((step for pattern, step in KNOWN if pattern.search(line)), "")
    return Cause(line[:LONGEST], step or ("Correct the configuration named there." if ALERT.match(line) else ""))
