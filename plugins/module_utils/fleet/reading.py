# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a part of ``fleet.yml`` by its keys: their types, and the checks that need nothing else."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Callable

from .schema import Key


@dataclass(frozen=True)
class Mistake:
    """Something in the description that cannot be, with the key at which it stands."""

    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}" if self.key else self.problem


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


KINDS: dict[str, Callable[[Any], bool]] = {
    "a string": _is_text,
    "a whole number": lambda value: _is_int(value) and value >= 0,
    "a number": lambda value: _is_int(value) or isinstance(value, float),
    "true or false": lambda value: isinstance(value, bool),
    "a list of strings": _is_list_of(_is_text),
    "a list of device numbers": _is_list_of(lambda item: _is_int(item) and item >= 0),
    "a mapping of strings": lambda value: (
        isinstance(value, dict)
        and all(_is_text(name) and not isinstance(item, (dict, list)) for name, item in value.items())
    ),
}


def is_template(value: Any) -> bool:
    """Whether Ansible resolves ``value`` later, so that nothing can be said of it now."""
    return isinstance(value, str) and "{{" in value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest of ``known``, as the end of a message; else what there is to choose from."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    return f"there is {', '.join(names)}" if names else "there is none"


def read_part(raw: Any, keys: Mapping[str, Key], at: str, mistakes: list[Mistake]) -> dict[str, Any]:
    """The values of one part of the description, defaults filled in; what is wrong with it goes to ``mistakes``.

    A value that cannot be is replaced by the default, so that what else is wrong can be said, too.
    """
    if not isinstance(raw, dict):
        mistakes.append(Mistake(at, f"this must be a mapping, not {raw!r}"))
        return {name: key.default for name, key in keys.items()}
    mistakes.extend(
        Mistake(f"{at}.{name}", f"there is no such key; {did_you_mean(str(name), keys)}")
        for name in raw
        if name not in keys
    )
    values: dict[str, Any] = {}
    for name, key in keys.items():
        value = raw.get(name)
        problems = ["this is missing"] if key.required else []
        if value is not None:
            problems = list(_problems(value, key))
        mistakes.extend(Mistake(f"{at}.{name}", problem) for problem in problems)
        values[name] = key.default if problems or value is None else value
    return values


def _problems(value: Any, key: Key) -> Iterable[str]:
    if is_template(value):
        if key.planned:
            yield f"{value!r} is a template; the plan needs the value before Ansible can resolve it"
    elif not KINDS[key.kind](value):
        yield f"this must be {key.kind}, not {value!r}"
    elif key.choices and value not in key.choices:
        yield f"{value!r} is none of {', '.join(key.choices)}; {did_you_mean(value, key.choices)}"
    elif key.pattern and not key.pattern.fullmatch(value):
        yield f"{value!r} is not of the form {key.pattern.pattern}"
