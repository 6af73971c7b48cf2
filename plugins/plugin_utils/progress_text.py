# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of a transfer as lines for people."""

from __future__ import annotations

from collections.abc import Sequence

from ..module_utils.artifacts.transfer.report import Report
from ..module_utils.sizes import unit_of

SHORTEST, LONGEST = 5.0, 60.0  # seconds between two lines
SHARE = 0.1  # of the time so far that passes between two lines
RECENT = 30.0  # seconds that count for the rate


def pause(elapsed: float) -> float:
    """Seconds from now, ``elapsed`` seconds after the beginning, to the next line: fewer lines the longer it takes."""
    return min(max(SHORTEST, elapsed * SHARE), LONGEST)


class Pace:
    """How fast it goes, by the clock of who looks: where nothing comes any more, no new report comes either."""

    def __init__(self) -> None:
        self._last: Report | None = None
        self._seen: list[tuple[float, int]] = []  # when, and how many bytes were done

    def rate(self, report: Report, now: float) -> float:
        """Bytes per second, of late; ``report`` was read at ``now``, in seconds."""
        last = self._last
        if last is None or (last.what, last.total) != (report.what, report.total) or last.done > report.done:
            self._seen = [(now - report.seconds, 0)]  # another model, or another attempt
        self._last = report
        self._seen = [seen for seen in self._seen if now - seen[0] <= RECENT] or self._seen[-1:]
        when, done = self._seen[0]
        self._seen.append((now, report.done))
        return (report.done - done) / (now - when) if now > when else 0.0


def line(host: str, report: Report, rate: float, width: int) -> str:
    """What to show; of the files on their way, as many as fit into ``width`` characters."""
    unit = unit_of(report.total)
    parts = [
        f"{host}: {report.what}",
        f"{unit.number(report.done)} of {unit.text(report.total)}",
        f"{unit_of(rate).text(rate)}/s",
    ]
    if rate > 0:
        parts.append(f"{duration((report.total - report.done) / rate)} left")
    text = "  ".join(parts)
    files = [f"{file.path} {100 * file.done // max(1, file.total)} %" for file in report.files]
    for shown in range(len(files), 0, -1):
        more = [f"{len(files) - shown} more"] if shown < len(files) else []
        candidate = f"{text}  ({', '.join([*files[:shown], *more])})"
        if shown == 1 or len(candidate) <= width:
            text = candidate
            break
    return _shown(text)


def stages_line(host: str, stages: Sequence[str]) -> str:
    """What several things on ``host`` are at."""
    return _shown(f"{host}: {', '.join(stages)}")


def _shown(text: str) -> str:
    """Without what changes a terminal: names come from afar."""
    return "".join(char if char.isprintable() else "?" for char in text)


def duration(seconds: float) -> str:
    """To two places: ``3 min 20 s``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
