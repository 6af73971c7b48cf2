# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model straight from the hub into a cache."""

from __future__ import annotations

import os
from dataclasses import asdict, replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.origin import Origin
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.snapshot import take
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress

from .conftest import TOKEN
from .proxy import Fault
from .repository import BRANCH, COMMIT, FILES, GATED, LATER, SIZE, TINY, WANTED, lay, tree

LATER_WANTED = {path: body[::-1] for path, body in WANTED.items()}

pytestmark = pytest.mark.usefixtures("repository")


def test_a_model_comes_once(download, hub):
    (found,), errors = download(TINY)
    assert (found.commit, found.changed, found.bytes_read, errors) == (COMMIT, True, SIZE, [])
    assert tree(found.path) == WANTED
    hub.exchanges.clear()
    (again,), errors = download(TINY)
    assert (again.changed, again.bytes_read, errors, hub.exchanges) == (False, 0, [], [])


def test_check_mode_predicts_and_reads_nothing(hub, tmp_path):
    there = Hub(hub.url, "")
    (found,), errors = take(tmp_path / "cache", [BRANCH], Origin(there), Progress(None), check_mode=True)
    assert (found.commit, found.changed, found.bytes_read, errors) == (COMMIT, True, SIZE, [])
    assert not hub.asked("GET", "/resolve/")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/resolve/", "reset", times=6, spared=2),
        Fault("GET", "/resolve/", "cut", times=20, spared=2),
        Fault("GET", "/resolve/", "answer", status=500, times=3, spared=2),
        Fault("GET", "/resolve/", "answer", status=429, times=3, spared=2),
        Fault("GET", "/revision/", "reset"),
        Fault("GET", "/tree/", "cut"),
    ],
    ids=lambda fault: f"{fault.where} {fault.deed} {fault.status or ''}".strip(),
)
def test_what_passes_is_waited_for(download, hub, fault):
    hub.faults.append(Fault(**asdict(fault)))
    (found,), errors = download(TINY)
    assert (errors, hub.faults) == ([], [])
    assert tree(found.path) == WANTED


def test_it_does_not_ask_again_before_the_hub_wants_it(download, hub):
    hub.faults.append(Fault("GET", "model-2.safetensors", "answer", status=429, headers={"Retry-After": "1"}))
    assert download(TINY)[1] == []
    (refused,) = [seen for seen in hub.exchanges if seen.status == 429]
    assert hub.repetition(refused).began - refused.began >= 1


def test_a_token_that_expires_on_the_way_is_named_and_with_another_it_goes_on(download, hub):
    hub.faults.append(Fault("GET", "/resolve/", "answer", status=401, spared=8, times=1000))
    found, (error,) = download(GATED, token=TOKEN)
    assert found == []
    assert "account that model_store_hub_token belongs to, and the token valid?" in str(error)
    assert TOKEN not in repr(error)
    hub.faults.clear()
    hub.standin.token = TOKEN[::-1]
    (found,), errors = download(GATED, token=TOKEN[::-1])
    assert errors == []
    assert tree(found.path) == WANTED
    assert sum(seen.moved for seen in hub.asked("GET", "/resolve/") if seen.status == 206) == SIZE, "each byte once"


def test_a_branch_that_moves_on_the_way_gives_one_commit_in_full(download, hub, repository):
    """The hub keeps the commit that was begun, as hubs do; see rig/standins/repositories.py."""
    before, after = (repository.with_name(f"tiny@{name}") for name in ("before", "after"))
    repository.rename(before)
    repository.symlink_to(before)
    lay(after, {**FILES, **LATER_WANTED})

    def move():
        link = repository.with_name("link")
        link.symlink_to(after)
        os.replace(link, repository)

    hub.faults.append(Fault("GET", "/resolve/", "pass", spared=4, action=move))
    (found,), errors = download(BRANCH)
    assert errors == []
    assert found.commit == COMMIT
    assert tree(found.path) == WANTED
    (moved,), errors = download(BRANCH)
    assert errors == []
    assert moved.commit not in (COMMIT, LATER)
    assert tree(moved.path) == LATER_WANTED
    assert tree(found.path) == WANTED, "and the earlier one stays"


def test_large_files_come_from_a_host_that_does_not_see_the_token(download, hub):
    hub.standin.lfs_url = f"http://localhost:{hub.port}"
    hub.faults.append(Fault("GET", "/lfs/", "answer", status=403, spared=5))
    (found,), errors = download(GATED, token=TOKEN)
    assert errors == []
    assert tree(found.path) == WANTED
    redirected = hub.asked("GET", "/lfs/")
    assert {seen.headers["host"] for seen in redirected} == {f"localhost:{hub.port}"}
    assert not [seen for seen in redirected if "authorization" in seen.headers]
    assert not hub.faults, "an address expired, and was asked of the hub anew"


def test_a_limit_for_each_connection_is_no_limit_for_a_file(download, hub):
    hub.rate = 1_000_000
    assert download(replace(TINY, exclude=("model-[12]*",)))[1] == []
    pieces = hub.asked("GET", "model-3.safetensors")
    assert max(sum(other.began <= piece.began < other.ended for other in pieces) for piece in pieces) > 1
