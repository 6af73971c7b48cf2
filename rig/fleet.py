# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet of the rig is called and where its parts are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .shell import RigError

CHECKOUT = Path(__file__).parent.parent
PREFIXES = {
    "demo": "10.213.0",
    "molecule": "10.214.0",
    "drivers": "10.215.0",
}
IMAGES = {"demo": ("vllm", "haproxy")}  # other fleets have all that a fleet may run
ALL_IMAGES = ("vllm", "haproxy", "litellm")
ON_REQUEST = ("llmcompressor",)  # images that hardly anybody needs: `python -m rig push`
WITHOUT_REPOSITORIES = ("demo",)  # has no accelerators
LABEL = "inference.fleet.rig"
HOSTS = {"host-a": 11, "host-b": 12}


@dataclass(frozen=True)
class Fleet:
    """Two virtual hosts and their stand-ins on a network of their own."""

    name: str
    prefix: str  # of its addresses, such as 10.213.0
    state: Path  # what a client of it needs: keys, addresses, digests

    @property
    def subnet(self) -> str:
        """In CIDR notation."""
        return f"{self.prefix}.0/24"

    @property
    def network(self) -> str:
        """The name of its Docker network, and the beginning of the names of its containers."""
        return f"fleet-{self.name}"

    @property
    def hub(self) -> str:
        """The hub's URL."""
        return f"http://{self.prefix}.2:8080"

    @property
    def store(self) -> str:
        """The object store's URL."""
        return f"http://{self.prefix}.3:9000"

    @property
    def registry(self) -> str:
        """The registry's host and port, as image references begin."""
        return f"{self.prefix}.4:5000"

    @property
    def repositories(self) -> str:
        """The URL below which its package repositories are."""
        return f"http://{self.prefix}.5:8080"

    @property
    def endpoint(self) -> str:
        """The base URL that its gateway answers at, once it is deployed."""
        return f"http://{self.prefix}.{HOSTS['host-a']}:4000/v1"

    @property
    def images(self) -> tuple[str, ...]:
        """The images in its registry."""
        return IMAGES.get(self.name, ALL_IMAGES)

    def container(self, part: str) -> str:
        """The container of one of its parts."""
        return f"{self.network}-{part}"

    def address(self, host: str) -> str:
        """The address of one of its hosts."""
        if host not in HOSTS:
            raise RigError(f"Failed to find the host {host}", f"{self.name} has {' and '.join(HOSTS)}")
        return f"{self.prefix}.{HOSTS[host]}"

    def write(self, name: str, content: Any, mode: int = 0o644) -> None:
        """Leave a JSON file in the state folder, untouched if it says the same already."""
        path = self.state / name
        text = json.dumps(content, indent=2) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.touch(mode=mode)
            path.write_text(text, encoding="utf-8")


def fleet(name: str) -> Fleet:
    """The fleet called ``name``."""
    if name not in PREFIXES:
        raise RigError(f"Failed to find the fleet {name}", f"there are {', '.join(PREFIXES)}")
    return Fleet(name, PREFIXES[name], CHECKOUT / f".{name}")
