# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several contributors' options in one configuration of the engine: merging, taking out, conflicts, and what is secret.

A configuration is taken apart into leaves: the path of keys to each value that is not an object (or is an empty one). A
list is one value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Config = Mapping[str, Any]
Keys = tuple[str, ...]

CREDENTIALS = re.compile(r"(?<=://)\S+(?=@)")  # of a URL, such as a proxy's
SECRET_KEY = re.compile(r"token|passw|secret|credential", re.IGNORECASE)  # splunk-token among log-opts, say
HIDDEN = "(secret)"


def merged(base: Config, addition: Config) -> dict[str, Any]:
    """``base`` with ``addition`` in it: objects are merged, anything else is replaced."""
    result = dict(base)
    for key, value in addition.items():
        here = result.get(key)
        if isinstance(value, Mapping):
            result[key] = merged(here if isinstance(here, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def combined(found: Config, recorded: Mapping[str, Config], name: str, wanted: Config) -> dict[str, Any]:
    """``found`` once ``name`` contributes ``wanted`` instead of what is recorded for it.

    ``recorded`` has every contributor's options as of the last run. An option that nobody contributes any more goes,
    unless its value has become another one meanwhile: then somebody else set it.
    """
    contributions = {**recorded, name: wanted}
    owned = {path for config in contributions.values() for path, _value in leaves(config)}
    result = dict(found)
    for path, value in leaves(recorded.get(name, {})):
        if path not in owned:
            result = _without(result, path, value)
    for contributor in sorted(contributions):
        result = merged(result, contributions[contributor])
    return result


def conflicts(recorded: Mapping[str, Config], name: str, wanted: Config) -> list[str]:
    """Every option for which another contributor wants another value than ``name``, in words."""
    mine = dict(leaves(wanted))
    return [
        f"{name} wants {_said(path, value)} and {other} wants {_said(other_path, other_value)}"
        for other in sorted(set(recorded) - {name})
        for other_path, other_value in leaves(recorded[other])
        for path, value in mine.items()
        if _collide(path, value, other_path, other_value)
    ]


def leaves(config: Config, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """The paths and values of ``config``."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def same(one: Any, other: Any) -> bool:
    """Whether both are the same JSON; Python takes true for 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def without_secrets(config: Config) -> dict[str, Any]:
    """``config`` as it can be shown."""
    return {key: _hidden(key, value) for key, value in config.items()}


def text_without_secrets(text: str) -> str:
    """``text`` without the passwords of URLs in it."""
    return CREDENTIALS.sub(HIDDEN, text)


def secrets(config: Config) -> set[str]:
    """The values in ``config`` that hold a secret."""
    values = [(path[-1], value) for path, value in leaves(config)]
    flat = [(key, item) for key, value in values for item in (value if isinstance(value, list) else [value])]
    return {item for key, item in flat if isinstance(item, str) and _hidden(key, item) != item}


def _hidden(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list):
        return [_hidden(key, item) for item in value]
    if not isinstance(value, str):
        return value
    return HIDDEN if SECRET_KEY.search(key) else text_without_secrets(value)


def _without(config: Config, path: Keys, value: Any) -> dict[str, Any]:
    """``config`` without the leaf, and without the objects that this leaves empty; as it is where the value differs."""
    key, rest = path[0], path[1:]
    if key not in config:
        return dict(config)
    others = {name: other for name, other in config.items() if name != key}
    here = config[key]
    if not rest:
        return others if same(here, value) else dict(config)
    if not isinstance(here, Mapping):
        return dict(config)
    remaining = _without(here, rest, value)
    return {**config, key: remaining} if remaining or not here else others


def _collide(path: Keys, value: Any, other_path: Keys, other_value: Any) -> bool:
    if path == other_path:
        return not same(value, other_value)
    shorter, longer = sorted((path, other_path), key=len)
    shorter_value = value if shorter == path else other_value
    return longer[: len(shorter)] == shorter and shorter_value != {}


def _said(path: Keys, value: Any) -> str:
    return f"{'.'.join(path)}: {json.dumps(_hidden(path[-1], value))}"
