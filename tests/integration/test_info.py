# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of models in the store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look

from .repository import BRANCH, COMMIT, KEY, LATER, LATER_FILES, TINY, lay

pytestmark = pytest.mark.usefixtures("repository")


@pytest.fixture
def see(hub, store):
    def run(artifact, **options):
        (sight,), _sources, errors = look(store, [artifact], **options)
        assert errors == []
        return sight

    return lambda artifact, compare=False: run(artifact, hub=Hub(hub.url, "") if compare else None)


def test_absent_half_and_whole(see, publish, client, settings):
    assert (see(TINY)["state"], see(TINY)["published"]) == ("absent", False)
    client.put_object(Bucket=settings.bucket, Key=KEY, Body=b"half")
    assert (see(TINY)["state"], see(TINY)["published"]) == ("incomplete", False)
    publish(TINY)
    assert (see(TINY)["state"], see(TINY)["published"]) == ("complete", True)
    assert see(replace(TINY, formats=("bin",)))["state"] == "incomplete", "it has other files"


def test_a_branch_that_moved_is_not_current(see, publish, repository):
    publish(BRANCH)
    assert see(BRANCH)["current"] is None
    assert (see(BRANCH, compare=True)["current"], see(BRANCH, compare=True)["hub_commit"]) == (True, COMMIT)
    lay(repository, LATER_FILES)
    sight = see(BRANCH, compare=True)
    assert (sight["commit"], sight["hub_commit"], sight["current"]) == (COMMIT, LATER, False)
    publish(BRANCH)
    assert see(BRANCH, compare=True)["current"] is True
