# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt could install from its sources, and why a source cannot be read."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping

from ..errors import FleetError
from ..local_command import Outcome, look

LOCKED_FOR = 120.0  # seconds that another apt may hold its lock
LOCKED = "Could not get lock"
URL = re.compile(r"https?://\S+|file:\S+|copy:\S+")
KEY = re.compile(r"(?:NO_PUBKEY|EXPKEYSIG|REVKEYSIG|Missing key) ([0-9A-F]{16,})")
UNSIGNED = re.compile(r"is not signed|no longer signed|signature|NODATA|Signed-By")
INSTALLS = re.compile(r"^Inst (\S+?)(?::\S+)? (?:\[[^]]*\] )?\((\S+)", re.MULTILINE)


def refresh(sources: Iterable[str]) -> None:
    """Read the indexes of the sources in these files afresh, and of no others.

    Raises FleetError with the repository and the cause: not reachable, or not signed with the key that is trusted.
    """
    for path in sources:
        outcome = _apt_get(
            "update",
            f"--option=Dir::Etc::sourcelist={path}",
            "--option=Dir::Etc::sourceparts=-",
            "--option=APT::Get::List-Cleanup=0",
            "--option=APT::Update::Error-Mode=any",
            "--option=Acquire::Retries=1",
            "--option=Acquire::http::Timeout=15",
            "--option=Acquire::https::Timeout=15",
        )
        if outcome.status != 0:
            raise unreadable(outcome.complaint or outcome.output, path)


def unreadable(said: str, path: str) -> FleetError:
    """Why the repositories in the source file ``path`` cannot be used, from what ``apt-get update`` ``said``."""
    lines = [line[2:].strip() for line in said.splitlines() if line[:2] in ("E:", "W:")]
    told = " ".join(lines) or said.strip()
    url = URL.search(told)
    attempted = f"Failed to read the package repository {url.group().rstrip(',:') if url else path}"
    key = KEY.search(told)
    if key:
        cause = f"it is signed with the key {key.group(1)}, which is not the one that this host has for it"
        return FleetError(
            attempted, cause, "If its owner has a new key, give that one; otherwise do not use it.", "key"
        )
    if UNSIGNED.search(told):
        return FleetError(
            attempted, f"its signature is not right ({_shortest(lines)})", "Check its key and its URL.", "key"
        )
    step = "Is its URL right, and does a firewall or a proxy let this host reach it?"
    return FleetError(attempted, _shortest(lines) or told, step, "unreachable")


def versions(names: Iterable[str], origin: str = "") -> dict[str, list[str]]:
    """All versions of each package that apt's sources have, the newest first; only those from URLs with ``origin``."""
    wanted = list(names)
    if not wanted:
        return {}
    return parse_madison(look("apt-cache", "madison", *wanted).output, origin)


def parse_madison(text: str, origin: str = "") -> dict[str, list[str]]:
    """Versions by package from the lines of ``apt-cache madison``: name, version and source between bars."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 3 and origin in cells[2] and cells[1] not in found.setdefault(cells[0], []):
            found[cells[0]].append(cells[1])
    return {name: known for name, known in found.items() if known}


def known_names(prefix: str) -> list[str]:
    """The packages in apt's sources whose names begin so."""
    return sorted(look("apt-cache", "pkgnames", prefix).output.split())


def simulate(packages: Mapping[str, str], removed: Iterable[str] = ()) -> dict[str, str]:
    """The version of each package that installing ``packages`` (versions by name) would put in place.

    Preferences do not count: they may be those of what is to be replaced.
    """
    attempted = f"Failed to install {', '.join(f'{name} {version}' for name, version in packages.items())}"
    outcome = _apt_get(
        "install",
        "--simulate",
        "--option=Dir::Etc::Preferences=/dev/null",
        "--option=Dir::Etc::PreferencesParts=/dev/null",
        "--no-install-recommends",
        "--allow-downgrades",
        "--allow-change-held-packages",
        *(f"{name}={version}" for name, version in packages.items()),
        *(f"{name}-" for name in removed),
    )
    if outcome.status != 0:
        text = f"{outcome.output}\n{outcome.complaint}"
        unmet = re.findall(r"^ *(\S+ : (?:Pre)?Depends: .*|\S+ : Conflicts: .*)$", text, re.MULTILINE)
        complaints = re.findall(r"^E: (.*)$", text, re.MULTILINE)
        cause = "; ".join(" ".join(line.split()) for line in [*unmet, *complaints[:1]]) or text.strip()
        raise FleetError(attempted, cause, "Are all of the host's package sources those of its release?")
    return dict(INSTALLS.findall(outcome.output))


def _apt_get(*arguments: str) -> Outcome:
    deadline = time.monotonic() + LOCKED_FOR
    while True:
        outcome = look("apt-get", "--quiet", *arguments, timeout=300.0)
        if LOCKED not in outcome.complaint or time.monotonic() > deadline:
            return outcome
        time.sleep(2)


def _shortest(lines: list[str]) -> str:
    """The line that names the fault without the list of what follows from it."""
    telling = [line for line in lines if not line.startswith("Some index files failed")]
    return min(telling, key=len, default="")
