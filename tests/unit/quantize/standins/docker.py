# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the docker command, that runs a container's program here, with the folders that it was to mount.

What it is created with goes to FAKE_DOCKER/create.json. As with a mount, files name the path in the container.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

created = Path(os.environ["FAKE_DOCKER"], "create.json")


def mounts(arguments):
    """Folders of this host by those in the container."""
    given = [one.removeprefix("--mount=") for one in arguments if one.startswith("--mount=")]
    fields = [dict(field.split("=", 1) for field in one.split(",") if "=" in field) for one in given]
    return {each["target"]: each["source"] for each in fields}


def here(path, folders):
    for target, source in folders.items():
        if path == target or path.startswith(f"{target}/"):
            return source + path[len(target) :]
    return path


def start():
    arguments = json.loads(created.read_text())
    folders = mounts(arguments)
    request = json.load(sys.stdin)
    place = request["place"]
    request = {**request, **{key: here(request[key], folders) for key in ("source", "place", "data")}}
    done = subprocess.run([sys.executable, "-c", arguments[-1]], input=json.dumps(request), text=True, check=False)
    for path in Path(request["place"]).glob("*/maxabs_*.json"):
        path.write_text(path.read_text().replace(request["place"], place))
    return done.returncode


if sys.argv[1] == "create":
    created.write_text(json.dumps(sys.argv[2:]))
elif sys.argv[1] == "start":
    sys.exit(start())
elif sys.argv[1] == "inspect":
    sys.stdout.write('{"OOMKilled": false, "ExitCode": 1}')
