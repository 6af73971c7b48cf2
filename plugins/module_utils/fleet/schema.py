# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand in ``fleet.yml``: the keys of each part, their types, and the checks that need nothing else."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Callable

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SIZE = re.compile(r"\d+(\.\d+)?[bkmgBKMG]?")


@dataclass(frozen=True)
class Mistake:
    """Something in the description that cannot be, with the key at which it stands."""

    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}" if self.key else self.problem


@dataclass(frozen=True)
class Key:
    """What may stand at one key."""

    kind: str  # one of KINDS
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    planned: bool = False  # the plan itself depends on it, so that no template can stand there


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

MODEL = {
    "repo_id": Key("a string", required=True, pattern=REPO_ID),
    "revision": Key("a string", default="main"),
    "family": Key("a string", required=True, pattern=NAME),
    "formats": Key("a list of strings", default=["safetensors"]),
    "size_gib": Key("a number"),
}
SERVICE = {
    "model": Key("a string", required=True, planned=True),
    "hosts": Key("a list of strings", required=True, planned=True),
    "image": Key("a string", required=True),
    "accelerator": Key("a string", default="nvidia", choices=("nvidia", "gaudi", "cpu"), planned=True),
    "devices": Key("a list of device numbers", default=[], planned=True),
    "served_model_name": Key("a string", planned=True),
    "api_key": Key("a string"),
    "max_model_len": Key("a whole number"),
    "dtype": Key("a string"),
    "tensor_parallel_size": Key("a whole number"),
    "gpu_memory_utilization": Key("a number"),
    "kv_cache_dtype": Key("a string"),
    "kv_cache_gib": Key("a number"),
    "max_num_seqs": Key("a whole number"),
    "max_num_batched_tokens": Key("a whole number"),
    "enforce_eager": Key("true or false"),
    "trust_remote_code": Key("true or false"),
    "tool_call_parser": Key("a string"),
    "reasoning_parser": Key("a string"),
    "chat_template": Key("a string"),
    "extra_args": Key("a list of strings", default=[]),
    "environment": Key("a mapping of strings", default={}),
    "shm_size": Key("a string", pattern=SIZE),
    "contract": Key("a list of strings", planned=True),
    "start_timeout": Key("a whole number", default=900),
}
GATEWAY = {"hosts": Key("a list of strings", required=True, planned=True), "port": Key("a whole number", default=4000)}
OVERLAY = {"managers": Key("a list of strings", required=True, planned=True)}
TOP = ("plugin", "models", "defaults", "services", "gateway", "overlay", "publisher")


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
