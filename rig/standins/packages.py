# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages from a description: one YAML file for each vendor, beside it a folder with the longer files.

A description has ``repositories`` (see ``apt_repository``) and ``packages``, of which each is a package in all its
versions::

    - name: nvidia-driver-cuda
      repository: nvidia                    # one of `repositories`
      versions: [580.65.06-1, 590.44.01-1]  # a package of each; the last one listed need not be the newest
      depends: [libcuda1 (= @version@)]     # also: recommends, provides, conflicts, breaks, replaces, pre-depends
      architecture: all                     # otherwise the machine's
      files:
        /usr/share/doc/note: |              # what it holds; executable if it begins with `#!`
          I am @name@ @version@.
        /usr/bin/nvidia-smi: {source: nvidia-smi}  # a file in the vendor's folder
      scripts: {postinst: {source: postinst}}      # also: preinst, prerm, postrm

In all strings and files ``@name@``, ``@version@``, ``@upstream@`` (580.65.06), ``@branch@`` (580) and ``@kernel@``
(this machine's) are replaced. ``name`` and ``version`` may be made of them, which gives versions packages of their own
names; what comes out the same for several versions is one package.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RELATIONS = ("pre-depends", "depends", "recommends", "provides", "conflicts", "breaks", "replaces")
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")


@dataclass(frozen=True)
class Package:
    """One package at one version."""

    repository: str
    name: str
    version: str
    architecture: str
    relations: dict[str, list[str]]
    files: dict[str, str]  # content by absolute path
    scripts: dict[str, str]

    @property
    def file_name(self) -> str:
        """As a pool has it: an epoch's colon is left out."""
        return f"{self.name}_{self.version.rpartition(':')[2]}_{self.architecture}.deb"

    @property
    def control(self) -> str:
        """Its control file."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "The rig of inference.fleet <rig@localhost>",
            "Section": "misc",
            "Priority": "optional",
            **{name.title(): ", ".join(values) for name, values in self.relations.items() if values},
            "Description": f"stand-in of {self.name} for tests",
        }
        return "".join(f"{name}: {value}\n" for name, value in fields.items())


def read(path: Path, architecture: str) -> tuple[dict[str, dict[str, Any]], list[Package]]:
    """The repositories that the description at ``path`` names, and its packages."""
    description = yaml.safe_load(path.read_text(encoding="utf-8"))
    folder = path.with_suffix("")
    found = {}
    for entry in description["packages"]:
        for package in _expand(entry, folder, architecture):
            found[package.repository, package.file_name] = package
    return description["repositories"], list(found.values())


def build(packages: Iterable[Package], root: Path) -> None:
    """A ``.deb`` of each in the pool of its repository below ``root``."""
    for package in packages:
        pool = root / package.repository / "pool"
        pool.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            _lay_out(package, Path(folder))
            command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", folder, str(pool / package.file_name)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _expand(entry: dict[str, Any], folder: Path, architecture: str) -> Iterator[Package]:
    for version in entry["versions"]:
        upstream = re.sub(r"^\d+:|-[^-]*$", "", version)
        values = {
            "version": version,
            "upstream": upstream,
            "branch": upstream.split(".")[0],
            "kernel": os.uname().release,
        }
        values["name"] = _fill(entry["name"], values)
        yield Package(
            repository=entry["repository"],
            name=values["name"],
            version=_fill(entry.get("version", version), values),
            architecture=entry.get("architecture", architecture),
            relations={name: [_fill(value, values) for value in entry.get(name, [])] for name in RELATIONS},
            files={_fill(path, values): _text(what, folder, values) for path, what in entry.get("files", {}).items()},
            scripts={name: _text(what, folder, values) for name, what in entry.get("scripts", {}).items()},
        )


def _text(what: str | dict[str, str], folder: Path, values: dict[str, str]) -> str:
    text = what if isinstance(what, str) else (folder / what["source"]).read_text(encoding="utf-8")
    return _fill(text, values)


def _fill(text: str, values: dict[str, str]) -> str:
    return re.sub("@(" + "|".join(values) + ")@", lambda found: values[found[1]], text)


def _lay_out(package: Package, folder: Path) -> None:
    control = folder / "DEBIAN"
    control.mkdir(mode=0o755)
    folder.chmod(0o755)
    control.joinpath("control").write_text(package.control, encoding="utf-8")
    settings = [path for path in package.files if path.startswith("/etc/")]
    if settings:
        control.joinpath("conffiles").write_text("\n".join([*settings, ""]), encoding="utf-8")
    for name, text in package.scripts.items():
        if name not in SCRIPTS:
            raise ValueError(f"{package.name}: {name} is none of {', '.join(SCRIPTS)}")
        _write(control / name, text)
    for name, text in package.files.items():
        _write(folder / name.lstrip("/"), text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755 if text.startswith("#!") else 0o644)
