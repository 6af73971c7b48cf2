# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of ``vllm serve``, as far as more than one part of the collection reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def words_of(arguments: Iterable[Any]) -> list[str]:
    """The words of ``arguments``: a flag and its value stand apart, whether ``=`` or a space parted them."""
    return [word for argument in arguments for word in str(argument).split("=", 1)]
