# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m rig up demo``: see ``python -m rig --help``."""

from __future__ import annotations

import argparse
import sys

from . import hosts, internet, lifecycle, repositories
from .ask import QUESTION, ask
from .fleet import HOSTS, ON_REQUEST, PREFIXES, Fleet, fleet
from .shell import RigError


def main() -> int:
    """One subcommand; 1 where it failed in a way that its message explains."""
    options = _parser().parse_args()
    chosen = fleet(options.fleet)
    try:
        if options.action == "up":
            lifecycle.up(chosen, options.hosts_only)
        elif options.action == "down":
            lifecycle.down(chosen)
        elif options.action == "reset":
            lifecycle.reset(chosen)
        elif options.action == "push":
            lifecycle.push(chosen, options.image)
        elif options.action == "status":
            return 0 if lifecycle.status(chosen) else 1
        elif options.action == "ask":
            _ask(chosen, options.question)
        elif options.action == "slow":
            internet.slow(chosen, options.rate)
        elif options.action == "sign":
            repositories.sign(chosen, options.repository, options.key)
        elif options.action in ("freeze", "thaw"):
            getattr(hosts, options.action)(chosen, options.host)
    except RigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _ask(chosen: Fleet, question: str) -> None:
    model, answer = ask(chosen.endpoint, lifecycle.ensure_key(chosen), question)
    print(f"{question}\n{model}: {answer}\n")
    print(f"Endpoint:        {chosen.endpoint} (its key: {chosen.state.name}/endpoint.env)")
    if chosen.name == "demo":
        print("Ask another:     make ask QUESTION='Why is the sky blue?'\nRemove it all:   make demo-down")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rig", description="Virtual hosts and stand-ins for the internet.")
    actions = parser.add_subparsers(dest="action", required=True)
    for name, purpose in {
        "up": "make what is missing and start what is stopped",
        "down": "remove hosts, stand-ins, networks and volumes; keep the caches",
        "reset": "replace the hosts by bare ones",
        "push": "put an image into the registry that `up` leaves out",
        "status": "say how each part is; fails unless all run",
        "freeze": "stop a host dead, as a machine that hangs",
        "thaw": "let a frozen host go on",
        "slow": "let the object store send no faster than this",
        "sign": "sign a package repository with its other key, as a vendor that rotates its own",
        "ask": "ask the endpoint a question",
    }.items():
        action = actions.add_parser(name, help=purpose, description=purpose)
        action.add_argument("fleet", choices=PREFIXES)
        if name in ("freeze", "thaw"):
            action.add_argument("host", choices=HOSTS)
        elif name == "up":
            action.add_argument("--hosts-only", action="store_true", help="no images in the registry")
        elif name == "push":
            action.add_argument("image", choices=ON_REQUEST)
        elif name == "slow":
            action.add_argument("rate", nargs="?", default="", help="such as 100mbit; without it as fast as it can")
        elif name == "sign":
            action.add_argument("repository", help="such as nvidia")
            action.add_argument("key", choices=repositories.KEYS)
        elif name == "ask":
            action.add_argument("question", nargs="?", default=QUESTION)
    return parser


if __name__ == "__main__":
    sys.exit(main())
