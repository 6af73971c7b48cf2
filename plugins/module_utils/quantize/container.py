# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One program, run once in a container of its own without a network: a request goes in, an answer comes out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..docker.cli import cause_in, docker, docker_json
from ..errors import FleetError
from ..local_command import look

PATIENCE = 24 * 3600.0  # seconds; large models take hours


@dataclass(frozen=True)
class Tools:
    """What made the result."""

    image: str
    versions: dict[str, str]  # by the name of the tool


@dataclass(frozen=True)
class Program:
    """What is run, and in what. Its last argument is the source of a Python program that imports nothing of ours."""

    image: str
    image_option: str  # the option that names the image, for messages
    arguments: Sequence[str]  # of the image's entry point
    environment: Sequence[str] = ()  # NAME=value
    mounts: Sequence[str] = ()  # of folders, as Docker writes them: source=,target=
    options: Sequence[str] = ()  # further ones of `docker create`
    memory: str = ""  # the most that it may take, as Docker writes it (64g); empty: no limit
    memory_step: str = ""  # what to do where that is not enough
    read_cause: Callable[[str], str] = cause_in  # finds in what it said why it ended badly


def ask(program: Program, request: dict[str, Any], subject: Path, attempted: str) -> dict[str, Any]:
    """The answer to ``request``, both JSON objects. ``subject`` is the folder that it is about: one at a time for each.

    Raises FleetError where the answer has a `cause`, with its `next_step`, and where there is none.
    """
    with _container(program, subject, attempted) as name:
        try:
            said = docker(
                *("start", "--attach", "--interactive", name),
                attempted=attempted,
                stdin=json.dumps(request),
                timeout=PATIENCE,
                read_cause=program.read_cause,
            )
        except FleetError as error:
            raise _explained(error, attempted, name, program) from error
    answer: dict[str, Any] = json.loads(said)
    if "cause" in answer:
        raise FleetError(attempted, answer["cause"], answer["next_step"])
    return answer


def root_of(source: Path) -> Path:
    """The folder that holds the source and all that links in it lead to, as those of a Hugging Face cache do."""
    source = source.absolute()
    targets = {path.resolve().parent for path in source.rglob("*") if path.is_symlink()}
    return Path(os.path.commonpath([source, *targets]))


def name_for(subject: Path) -> str:
    """The name of the one container that works on this folder."""
    return f"fleet-quantize-{hashlib.sha256(str(subject.absolute()).encode()).hexdigest()[:12]}"


def end(subject: Path) -> None:
    """End the container that works on this folder; one goes on when the run that waits for it is killed."""
    look("docker", "rm", "--force", "--volumes", name_for(subject), timeout=60)


@contextmanager
def _container(program: Program, subject: Path, attempted: str) -> Iterator[str]:
    """The name of a container that is ready to start."""
    name = name_for(subject)
    end(subject)
    limits = [f"--memory={program.memory}", f"--memory-swap={program.memory}"] if program.memory else []
    try:
        docker(
            "create",
            "--interactive",
            f"--name={name}",
            "--network=none",
            "--security-opt=no-new-privileges",
            f"--user={os.getuid()}:{os.getgid()}",
            *(f"--env={each}" for each in program.environment),
            *(f"--mount=type=bind,{each}" for each in program.mounts),
            *program.options,
            *limits,
            program.image,
            *program.arguments,
            attempted=attempted,
            timeout=PATIENCE,  # it may have to be pulled
        )
        yield name
    except FleetError as error:
        if look("docker", "image", "inspect", program.image).status == 0:
            raise
        cause = f"there is no image {program.image} on this host, and it cannot be pulled ({error.cause})"
        raise FleetError(attempted, cause, f"Set {program.image_option} to one that can.") from error
    finally:
        end(subject)


def _explained(error: FleetError, attempted: str, name: str, program: Program) -> FleetError:
    state = docker_json("inspect", "--format={{json .State}}", name, attempted=attempted)
    if state.get("OOMKilled"):
        cause = f"it needed more than {program.memory or 'the memory that this host has'}"
        return FleetError(attempted, cause, program.memory_step)
    if state.get("ExitCode") == 137:
        return FleetError(attempted, "somebody killed its container", "Run it again.")
    return error
