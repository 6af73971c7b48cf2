# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine knows of the world and hands on to what is made on it: apt mirror, pip configuration, CA bundle."""

from __future__ import annotations

import os
import re
import shlex
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

from .shell import RigError, run

PIP_OPTIONS = ("index-url", "extra-index-url", "find-links", "trusted-host", "no-index", "timeout", "proxy")


@dataclass(frozen=True)
class Source:
    """One stanza of apt's sources."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def ca_bundle() -> Path:
    """The certificates that this machine trusts."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"):
        if os.environ.get(name):
            return Path(os.environ[name])
    return Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")


def parse_sources(text: str) -> list[Source]:
    """The binary package sources in one of apt's files, in either of its two formats."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = {key.strip().lower(): value.split() for key, _colon, value in (line.partition(":") for line in lines)}
        if "uris" in fields and "deb" in fields.get("types", []):
            suites, components = tuple(fields["suites"]), tuple(fields.get("components", []))
            found += [Source(uri, suites, components) for uri in fields["uris"]]
            continue
        for line in lines:
            words = re.sub(r"\[[^]]*\]", "", line).split()
            if len(words) > 3 and words[0] == "deb":
                found.append(Source(words[1], (words[2],), tuple(words[3:])))
    return found


def debian_sources(sources: list[Source], own: str, release: str) -> list[Source]:
    """The sources of Debian ``release`` from the mirrors that ``sources`` name for this machine's ``own`` release."""
    wanted = re.compile(rf"{own}(-updates|-security)?")
    return [
        Source(source.uri, tuple(suite.replace(own, release) for suite in suites), ("main",))
        for source in sources
        if (suites := [suite for suite in source.suites if wanted.fullmatch(suite)]) and "main" in source.components
    ]


def sources_files() -> list[Path]:
    """The files that tell this machine's apt its sources."""
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    return [path for path in files if path.suffix in (".list", ".sources") and path.exists()]


def apt_sources(release: str) -> list[Source]:
    """Where packages of Debian ``release`` come from, as this machine's own apt is told."""
    texts = [path.read_text(encoding="utf-8") for path in sources_files()]
    found = debian_sources([source for text in texts for source in parse_sources(text)], codename(), release)
    if not found:
        raise RigError(
            f"Failed to find a mirror for Debian {release}",
            "this machine's apt sources name none for its own release",
            "Run the rig on Debian, or where public images can be pulled.",
        )
    return found


def render_sources(sources: list[Source]) -> str:
    """A ``.sources`` file."""
    return "\n".join(
        f"Types: deb\nURIs: {source.uri}\nSuites: {' '.join(source.suites)}\n"
        f"Components: {' '.join(source.components)}\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        for source in sources
    )


def codename() -> str:
    """This machine's release, such as `bookworm`."""
    text = Path("/etc/os-release").read_text(encoding="utf-8")
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return fields.get("VERSION_CODENAME", "").strip('"')


@dataclass(frozen=True)
class Pip:
    """pip's configuration, and the local folders that it refers to."""

    options: dict[str, str]
    folders: tuple[str, ...]

    def render(self) -> str:
        """A ``pip.conf``."""
        lines = [f"{key} = " + "\n    ".join(value.split()) for key, value in sorted(self.options.items())]
        return "\n".join(["[global]", *lines, ""])


def parse_pip_config(listing: str) -> Pip:
    """What ``pip config list`` says, the environment before the files."""
    options: dict[str, str] = {}
    for line in listing.splitlines():
        name, _equals, value = line.partition("=")
        scope, _dot, key = name.partition(".")
        if key in PIP_OPTIONS and (scope == ":env:" or key not in options):
            options[key] = shlex.split(value)[0] if value.strip("'\"") else ""
    places = " ".join(options.get(key, "") for key in ("index-url", "extra-index-url", "find-links")).split()
    local = [place.removeprefix("file://").removesuffix("/simple") for place in places]  # an index links beside itself
    return Pip(options, tuple(sorted({place for place in local if place.startswith("/")})))


def pip_config() -> Pip:
    """This machine's pip configuration."""
    return parse_pip_config(run([sys.executable, "-m", "pip", "config", "list"]))
