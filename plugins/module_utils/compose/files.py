# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a compose project: which to write, which to remove, and doing so file by file, each at once."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import FleetError

COMPOSE_FILE = "compose.yaml"
HIDDEN = "(secret; not shown)\n"
TELLTALE = 8  # characters from which on a word of a secret file is taken for a secret of its own
VARIABLE = re.compile(r"^(?:export\s+)?\w+\s*=", re.MULTILINE)  # in an environment file: its name is no secret


@dataclass(frozen=True)
class ProjectFile:
    """One file, as wanted or as found; ``path`` is relative to the project's directory."""

    path: str
    content: bytes
    mode: int
    owner: tuple[int, int] = (0, 0)  # uid, gid
    secret: bool = False

    def same_as(self, other: ProjectFile | None) -> bool:
        """Whether ``other`` is this file on disk: everything but whether somebody calls it a secret."""
        return other is not None and (self.content, self.mode, self.owner) == (other.content, other.mode, other.owner)


@dataclass(frozen=True)
class Changes:
    """What turns the files found into those wanted."""

    write: tuple[ProjectFile, ...] = ()
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.write or self.remove)

    @property
    def paths(self) -> list[str]:
        return sorted([file.path for file in self.write] + list(self.remove))


def wanted_files(
    files: Iterable[Mapping[str, Any]], secret_files: Iterable[Mapping[str, Any]]
) -> dict[str, ProjectFile]:
    """The wanted files by path, from the module's parameters."""
    wanted: dict[str, ProjectFile] = {}
    for secret, entries in ((False, files), (True, secret_files)):
        for entry in entries:
            path = _checked_path(entry["path"])
            if path in wanted:
                raise FleetError(f"Failed to place {path}", "it is given twice", "Give each file once.")
            owner = _owner(entry.get("owner"), path)
            wanted[path] = ProjectFile(path, entry["content"].encode(), _mode(entry["mode"], path), owner, secret)
    if COMPOSE_FILE not in wanted:
        raise FleetError("Failed to place the project", f"{COMPOSE_FILE} is not among its files")
    return wanted


def compare(wanted: Mapping[str, ProjectFile], found: Mapping[str, ProjectFile]) -> Changes:
    """What turns ``found`` into ``wanted``."""
    return Changes(
        tuple(file for path, file in sorted(wanted.items()) if not file.same_as(found.get(path))),
        tuple(sorted(set(found) - set(wanted))),
    )


def differences(
    changes: Changes, found: Mapping[str, ProjectFile], secrets: Iterable[str], directory: Path
) -> list[dict[str, str]]:
    """Ansible's diff of ``changes``, with nothing of a secret in it."""
    hidden = set(secrets)
    after = {file.path: file for file in changes.write}
    entries = []
    for path in changes.paths:
        show = _shown_secret if path in hidden or (path in after and after[path].secret) else _shown
        entry = {"before_header": str(directory / path), "after_header": str(directory / path)}
        entry["before"] = show(found.get(path), "before")
        entry["after"] = show(after.get(path), "after")
        entries.append(entry)
    return entries


def without_secrets(text: str, files: Iterable[ProjectFile]) -> str:
    """``text`` without any word that stands in a secret file."""
    content = "\n".join(VARIABLE.sub("", file.content.decode("utf-8", "replace")) for file in files if file.secret)
    words = {word for word in re.split(r"[\s'\"\\]+", content) if len(word) >= TELLTALE}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "(secret)")
    return text


def read_tree(directory: Path) -> dict[str, ProjectFile]:
    """The files under ``directory`` by path; none when it does not exist."""
    found = {}
    for place in sorted(directory.rglob("*")) if directory.is_dir() else []:
        if place.is_file() and not place.is_symlink():
            status = place.stat()
            path = place.relative_to(directory).as_posix()
            found[path] = ProjectFile(path, place.read_bytes(), status.st_mode & 0o7777, (status.st_uid, status.st_gid))
    return found


def apply(changes: Changes, directory: Path) -> None:
    """Carry out ``changes`` under ``directory``: a reader sees a file's old content or its new one, nothing between."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    for file in changes.write:
        _write(file, directory / file.path)
    for path in changes.remove:
        (directory / path).unlink()


def replace_tree(files: Mapping[str, ProjectFile], directory: Path) -> None:
    """Make ``directory`` hold exactly ``files``, readable by root alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    apply(compare(files, read_tree(directory)), directory)


def remove_tree(directory: Path) -> None:
    """Remove ``directory`` where it exists."""
    shutil.rmtree(directory, ignore_errors=True)


def _write(file: ProjectFile, place: Path) -> None:
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(file.content)
            os.fchown(stream.fileno(), *file.owner)
            os.fchmod(stream.fileno(), file.mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, place)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _checked_path(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise FleetError(f"Failed to place {path!r}", "it is not a path inside the project's directory")
    return str(pure)


def _mode(text: str, path: str) -> int:
    try:
        return int(text, 8)
    except ValueError as error:
        raise FleetError(
            f"Failed to place {path}", f"mode {text!r} is not an octal number", "Quote it: '0644'."
        ) from error


def _owner(text: str | None, path: str) -> tuple[int, int]:
    if not text:
        return (0, 0)
    uid, _colon, gid = text.partition(":")
    try:
        return (int(uid), int(gid or uid))
    except ValueError as error:
        raise FleetError(
            f"Failed to place {path}", f"owner {text!r} is not uid:gid", "Use numbers, '10001:10001'."
        ) from error


def _shown(file: ProjectFile | None, _side: str) -> str:
    return "" if file is None else file.content.decode("utf-8", "replace")


def _shown_secret(file: ProjectFile | None, side: str) -> str:
    return "" if file is None else f"{side} {HIDDEN}"
