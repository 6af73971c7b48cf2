# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a failure that is known is described, and what comes out of meeting it in a log."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LONGEST = 500  # characters that a message quotes

Groups = Mapping[str, str]


@dataclass(frozen=True)
class Cause:
    """Why it died, and what to do."""

    cause: str
    next_step: str = ""
    id: str = "unknown"  # the same for the same failure, whatever its numbers
    groups: Groups = field(default_factory=dict)  # what the failure's pattern found: names, numbers

    @property
    def found(self) -> bool:
        """Whether it was named, rather than guessed from how it ended."""
        return self.id != "unknown"


@dataclass(frozen=True)
class Failure:
    """A failure that is known.

    ``pattern`` is searched for, whatever the case, in the lines of a log; its named groups, what ``derive`` makes of
    them, and ``said`` (the line up to the end of the match) fill in the two templates.
    """

    id: str
    pattern: str
    next_step: str
    cause: str = "{said}"
    derive: Callable[[Groups], Groups] | None = None
    within: str = ""  # a function's name that must stand somewhere in the log, where the line alone could mean anything

    def met(self, line: str) -> Cause | None:
        """The cause, if ``line`` tells of this failure."""
        match = re.search(self.pattern, line, re.IGNORECASE)
        if not match:
            return None
        groups = {name: text or "" for name, text in match.groupdict().items()}
        if self.derive:
            groups.update(self.derive(groups))
        filling = {**groups, "said": line[: match.end()]}
        return Cause(
            self.cause.format_map(filling)[:LONGEST], self.next_step.format_map(filling).strip(), self.id, groups
        )
