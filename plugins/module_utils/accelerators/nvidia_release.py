# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages, at which versions, make up the NVIDIA driver that is wanted: chosen from what the sources have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import FleetError
from ..host import apt
from ..host.kernel_headers import require_offered
from .driver import upstream
from .nvidia_packages import Wanted

ROUNDS = 6  # in which packages that would come at another version are named too; two suffice so far


def choose(available: Mapping[str, Iterable[str]], branch: str, version: str, keep: str = "") -> str:
    """The driver's version among those ``available``: ``version``, or of ``branch`` the one to ``keep`` or its newest.

    Raises FleetError that lists what there is.
    """
    wanted = version.split(".")[0] if version else branch
    known = list(available.get(wanted, []))
    if known and not version:
        return keep if keep in known else known[0]
    if version in known:
        return version
    if not available:
        raise FleetError(
            "Failed to find NVIDIA's driver",
            "the host's package sources have none",
            "Is nvidia_repository_url that of the host's distribution? With nvidia_source: distribution, are "
            "Debian's non-free or Ubuntu's restricted packages among its sources?",
        )
    if not known:
        having = ", ".join(f"{name} ({', '.join(versions)})" for name, versions in available.items())
        raise FleetError(
            f"Failed to find branch {wanted} of NVIDIA's driver",
            f"the package sources have {having}",
            "Set nvidia_branch to one of these branches, or nvidia_version to one of these versions.",
            "branch",
        )
    raise FleetError(
        f"Failed to find version {version} of NVIDIA's driver",
        f"of branch {wanted} the package sources have {', '.join(known)}",
        "Set nvidia_version to one of them, or leave it out to have the newest of the branch.",
        "version",
    )


def branches(versions: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The driver's versions by branch, newest first, from the versions of packages."""
    found: dict[str, list[str]] = {}
    for packaged in {version for several in versions.values() for version in several}:
        number = upstream(packaged)
        if number and number not in found.setdefault(number.split(".")[0], []):
            found[number.split(".")[0]].append(number)
    return {branch: sorted(found[branch], key=_order, reverse=True) for branch in sorted(found, key=int)}


def find(
    *,
    branch: str,
    version: str,
    keep: str,
    pins: list[str],
    headers: list[str],
    kernels: list[str],
    installed: dict[str, str],
    sources: list[str],
    origin: str,
    **host: Any,
) -> dict[str, Any]:
    """What is to be installed on this host; ``host`` are the other fields of Wanted."""
    apt.refresh(sources)
    require_offered(headers)
    wanted = Wanted(kernels=tuple(kernels), **host)
    found = release(wanted, branch, version, keep, origin, installed)
    missing = [pin for pin in pins if pin not in apt.versions(pins, origin)]
    if missing:
        raise FleetError(
            "Failed to pin NVIDIA's driver",
            f"the package sources have no {', '.join(missing)}",
            "Set nvidia_pinning: false where a mirror lacks such packages; the driver's are held all the same.",
        )
    return found


def release(
    wanted: Wanted, branch: str, version: str, keep: str, origin: str, installed: Mapping[str, str]
) -> dict[str, Any]:
    """The driver's version, and all packages with theirs that have to be installed together.

    ``origin`` is in the URLs of the source that they come from. ``installed`` are versions of what is there already:
    what of it belongs to the driver moves with it.
    """
    telling = [name for name in apt.known_names(wanted.telling) if _tells(name, wanted)]
    available = branches(apt.versions(telling, origin))
    chosen = choose(available, branch, version, keep)
    chosen_branch = chosen.split(".")[0]
    names = [*wanted.drivers(chosen_branch), *wanted.companions(chosen_branch)]
    others = wanted.others(chosen_branch)
    bringers = wanted.bringers(chosen_branch)
    offered = apt.versions([*names, *others, *bringers, *installed], origin)
    packages = {name: _at(offered.get(name, []), chosen, name) for name in names}
    packages.update({name: _newest(offered.get(name, []), name) for name in others})
    packages.update({name: offered[name][0] for name in bringers if name in offered})
    stays = [name for name in installed if name not in packages and not wanted.excludes(name)]
    packages.update({name: same for name in stays if (same := _same(offered.get(name, []), chosen))})
    # Other branches have other names. What a kernel to go back to has, goes with what it depends on, or stays.
    obsolete = sorted(
        name for name in set(installed) - set(packages) if wanted.excludes(name) or not name.startswith("linux-")
    )
    return {
        "version": chosen,
        "packages": _closed(packages, obsolete, chosen, origin),
        "obsolete": obsolete,
        "available": available,
    }


def _closed(packages: dict[str, str], obsolete: list[str], chosen: str, origin: str) -> dict[str, str]:
    """With what apt would install beside them: it takes the newest version of a dependency that nothing limits."""
    for _round in range(ROUNDS):
        would = apt.simulate(packages, obsolete)
        others = [name for name in would if name not in packages]
        offered = apt.versions(others, origin)
        more = {name: same for name in others if (same := _same(offered.get(name, []), chosen))}
        if not more:
            break
        packages = {**packages, **more}
    return packages


def _tells(name: str, wanted: Wanted) -> bool:
    """Whether the package's versions are those of drivers: nvidia-utils-580, not nvidia-utils-common."""
    ending = r"(-\d+)?-server" if wanted.source == "distribution" and wanted.distribution == "ubuntu" else r"(-\d+)?"
    return re.fullmatch(re.escape(wanted.telling) + ending, name) is not None


def _same(versions: Iterable[str], chosen: str) -> str | None:
    return next((version for version in versions if upstream(version) == chosen), None)


def _at(versions: list[str], chosen: str, name: str) -> str:
    found = _same(versions, chosen)
    if found is None:
        raise FleetError(
            f"Failed to find {name} {chosen}",
            f"the package sources have {', '.join(versions) or 'no such package'}",
            "Choose a version that all of the driver's packages have, or another nvidia_modules.",
        )
    return found


def _newest(versions: list[str], name: str) -> str:
    if not versions:
        raise FleetError(
            f"Failed to find {name}",
            "the package sources have no such package",
            "Is it another kernel's? Then boot the distribution's present one. Else add a source that has it.",
        )
    return versions[0]


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
