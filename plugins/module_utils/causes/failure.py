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

    ``pattern`` is searched for, whatever the case, in the lines of a log, and ``context`` in all of it. Their named
    groups, what ``derive`` makes of them, and ``said`` (the line up to the end of the match) fill in the two templates.
    """

    id: str
    pattern: str
    next_step: str
    cause: str = "{said}"
    derive: Callable[[Groups], Groups] | None = None
    context: str = ""

    def met(self, line: str, log: str) -> Cause | None:
        """The cause, if ``line`` of ``log`` tells of this failure."""
        match = re.search(self.pattern, line, re.IGNORECASE)
        context = re.search(self.context, log) if match else None
        if not (match and context):
            return None
        groups = {name: text or "" for found in (match, context) for name, text in found.groupdict().items()}
        if self.derive:
            groups.update(self.derive(groups))
        filling = {**groups, "said": line[: match.end()]}
        return Cause(
            self.cause.format_map(filling)[:LONGEST], self.next_step.format_map(filling).strip(), self.id, groups
        )
