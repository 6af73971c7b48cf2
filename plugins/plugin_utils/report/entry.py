# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a mapping that somebody wrote: what is missing has a default, what is of another kind is named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ...module_utils.errors import FleetError


class Entry:
    """The mapping at ``where``; keys that are absent, null or empty read as their default."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise wrong(where, value, "a mapping")
        self._value = value
        self.where = where

    def text(self, key: str) -> str:
        """A string or a number as text; ``""`` by default."""
        value = self._value.get(key)
        if isinstance(value, (Mapping, list)):
            raise wrong(f"{self.where}.{key}", value, "text")
        return "" if value is None else str(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``; there is no default, for an outcome that is not known must not be guessed."""
        value = self._value.get(key)
        if value not in choices:
            raise wrong(f"{self.where}.{key}", value, " or ".join((", ".join(choices[:-1]), choices[-1])))
        return str(value)

    def number(self, key: str) -> float | None:
        """A number, also as text; None by default."""
        value = self._value.get(key)
        if value is None or value == "":
            return None
        try:
            number = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if not math.isfinite(number):
            raise wrong(f"{self.where}.{key}", value, "a number")
        return number

    def flag(self, key: str) -> bool | None:
        """True or false; None by default, which is neither."""
        value = self._value.get(key)
        if value is not None and not isinstance(value, bool):
            raise wrong(f"{self.where}.{key}", value, "true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple("" if value is None else str(value) for value in self._list(key))

    def names(self, key: str) -> dict[str, str]:
        """A mapping of strings."""
        value = self._value.get(key) or {}
        if not isinstance(value, Mapping):
            raise wrong(f"{self.where}.{key}", value, "a mapping")
        return {name: str(text) for name, text in value.items() if text is not None}

    def entries(self, key: str) -> Iterator[Entry]:
        """A list of mappings."""
        for place, value in enumerate(self._list(key)):
            yield Entry(value, f"{self.where}.{key}[{place}]")

    def entry(self, key: str) -> Entry:
        """A mapping."""
        value = self._value.get(key)
        return Entry({} if value is None else value, f"{self.where}.{key}")

    def _list(self, key: str) -> list[Any]:
        value = self._value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong(f"{self.where}.{key}", value, "a list")
        return value


def wrong(where: str, value: Any, wanted: str) -> FleetError:
    """What to say of the ``value`` at ``where`` that is not ``wanted``."""
    found = "absent" if value is None else f"{str(value)[:80]!r}"
    return FleetError("Failed to report a verification", f"{where} is {found}, not {wanted}", "Correct the results.")
