# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a container's log can say why it died: no notices, no stack frames, no progress bars, no log prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What loggers put before the message: a process in brackets, then vLLM's or uvicorn's level, time and place in the
# source, or (glog, as PyTorch writes it) a letter for the level with time and place.
PROCESS = re.compile(r"^(?:\((?:\w|[ =.:,-])+\) ?|\[rank\d+\]: ?)")
LEVEL = re.compile(
    r"^(?:(?P<word>ERROR|CRITICAL|FATAL|WARNING|INFO|DEBUG)\b:? ?(?:\d\d-\d\d \d\d:\d\d:\d\d ?)?(?:\[[^\]]+:\d+\] ?)?"
    r"|\[?(?P<letter>[DIWEF])\d{3,4} \d\d:\d\d:\d\d\.\d+ [^\]]*\] ?)"
)
NOTICES = ("INFO", "DEBUG", "WARNING", "I", "D", "W")

# What goes on over indented lines: calls, or the line of source that Python warns of.
STARTS_FRAMES = re.compile(r"Traceback \(most recent call last\)|\S+\.py:\d+: \w*Warning: ")
NOISE = re.compile(
    r'^\s*(?:File ".+", line \d+|[\^~ ]+$|frame #\d+: |Exception raised from |The above exception was |'
    r"During handling of the above |For further information visit |Process \S+:$|[gs]et_mempolicy: )"
    r"|\d%[^|]*\|.*\[",  # a progress bar
)


@dataclass(frozen=True)
class Line:
    """One line that may tell something, and the process that wrote it where the log says so."""

    text: str
    process: str = ""


def telling_lines(log: str) -> list[Line]:
    """The lines of ``log`` that are left when all is dropped that says nothing about a failure."""
    return list(_read(log))


def _read(log: str) -> Iterator[Line]:
    in_frames: set[str] = set()  # processes; their lines may interleave
    for raw in log.split("\n"):
        line = raw.rstrip()
        process = PROCESS.match(line)
        name = process.group().strip() if process else ""
        line = line[process.end() :] if process else line
        level = LEVEL.match(line)
        line = line[level.end() :] if level else line
        if STARTS_FRAMES.match(line):
            in_frames.add(name)
            continue
        frame = name in in_frames and line.startswith(" ")
        notice = level is not None and (level["word"] or level["letter"]) in NOTICES
        if line.strip() and not (frame or notice or NOISE.search(line)):
            in_frames.discard(name)
            yield Line(line.strip(), name)
