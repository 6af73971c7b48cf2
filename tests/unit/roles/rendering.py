# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a role as Ansible resolves them, on a host that is described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).parents[3] / "roles"
# As /etc/os-release and uname say it: distribution, version and the release of a kernel.
HOSTS = {
    "debian-12": ("debian", "12", "6.1.0-41-amd64"),
    "debian-13": ("debian", "13", "6.12.57+deb13-amd64"),
    "ubuntu-22.04": ("ubuntu", "22.04", "5.15.0-161-generic"),
    "ubuntu-24.04": ("ubuntu", "24.04", "6.8.0-88-generic"),
}


def host(release: str, packages: dict[str, str] | None = None, **facts: Any) -> dict[str, Any]:
    """What docker_host_info says of a host of this release that has these packages."""
    name, version, kernel = HOSTS[release]
    return {
        "distribution": {"id": name, "version": version, "release": release, "name": release},
        "kernel": kernel,
        "architecture": "x86_64",
        "packages": packages or {},
        "held": [],
        "units": {},
        "files": {},
        "containers": {},
        "daemon_contributions": {},
        "daemon_settled": True,
        "engine": {"version": "29.0.0"},
        **facts,
    }


def render(role: str, name: str, **variables: Any) -> Any:
    """The variable ``name`` of ``role``, over whose defaults ``variables`` go."""
    return _templar(role, variables).template(trust_as_template(f"{{{{ {name} }}}}"))


def arguments(role: str, tasks: str, module: str, **variables: Any) -> dict[str, Any]:
    """What the first task that runs ``module`` in the task file gives it."""
    listed = DataLoader().load_from_file(str(ROLES / role / f"tasks/{tasks}.yml"), trusted_as_template=True)
    task = next(entry for entry in listed if module in entry)
    return dict(_templar(role, variables).template(task[module]))


def holds(role: str, tasks: str, name: str, **variables: Any) -> bool:
    """Whether the task called ``name`` in the task file would run."""
    listed = DataLoader().load_from_file(str(ROLES / role / f"tasks/{tasks}.yml"), trusted_as_template=True)
    task = next(entry for entry in listed if entry["name"] == name)
    return _templar(role, variables).evaluate_conditional(task["when"])


def _templar(role: str, variables: dict[str, Any]) -> Templar:
    loader = DataLoader()
    known: dict[str, Any] = {}
    for path in [ROLES / role / "defaults/main.yml", *sorted((ROLES / role / "vars").rglob("*.yml"))]:
        known.update(loader.load_from_file(str(path), trusted_as_template=True))
    return Templar(loader, {**known, **variables})
