# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags that an image's vLLM knows: asked of the image once a service failed on one that it does not know."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from difflib import get_close_matches

from ..fleet.limits import REMOVED_FLAGS
from ..local_command import look
from .derive import did_you_mean
from .failure import Cause

HELP = 90.0  # seconds; vLLM imports much before it prints its help
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9_.-]*[a-z0-9]")


def with_nearest_flags(cause: Cause, image: str) -> Cause:
    """``cause``, with the flags of ``image`` that are nearest to those it does not know; as it was for any other."""
    if cause.id != "unknown_flag":
        return cause
    typos = [flag for flag in cause.groups["flags"].split() if flag not in REMOVED_FLAGS]
    return replace(cause, next_step=nearest(typos, flags_of(image)) + cause.next_step) if typos else cause


def nearest(unknown: Collection[str], known: Collection[str]) -> str:
    """A sentence on which of the ``known`` flags were meant by the ``unknown``; empty where none is alike."""
    return did_you_mean([name for flag in unknown for name in get_close_matches(flag, known, n=1, cutoff=0.75)])


def flags_of(image: str) -> list[str]:
    """The flags that ``image`` lists in its help; none where it prints no help."""
    command = ("docker", "run", "--rm", "--network", "none", "--pull", "never", image, "--help=all")
    return sorted(set(FLAG.findall(look(*command, timeout=HELP).output)))
