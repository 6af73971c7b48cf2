# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves a cache, and what stays."""

from __future__ import annotations

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.prune import prune

OLD, NEW = "a" * 40, "b" * 40
FALCON = Artifact("tiiuae/falcon", NEW)


@pytest.fixture
def cache(tmp_path):
    """Falcon at two commits with a blob in common, and another model."""
    for repository, commit, blobs in [("falcon", OLD, "12"), ("falcon", NEW, "23"), ("hermes", OLD, "4")]:
        folder = tmp_path / f"models--tiiuae--{repository}"
        (folder / "snapshots" / commit).mkdir(parents=True)
        (folder / "blobs").mkdir(exist_ok=True)
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(commit)
        for blob in blobs:
            (folder / "blobs" / blob).write_bytes(bytes(100))
            (folder / "snapshots" / commit / f"file-{blob}").symlink_to(f"../../blobs/{blob}")
    return tmp_path


def left(cache):
    return sorted(path.relative_to(cache).as_posix() for path in cache.glob("models--*/blobs/*"))


def test_what_nobody_wants_goes_with_the_blobs_that_nothing_else_has(cache):
    removed, freed, served = prune(cache, [FALCON], [], check_mode=False)
    falcon, hermes = (cache / f"models--tiiuae--{name}" for name in ("falcon", "hermes"))
    assert removed == [str(falcon / "snapshots" / OLD), str(hermes / "snapshots" / OLD)]
    assert (freed, served) == (200, [])
    assert left(cache) == ["models--tiiuae--falcon/blobs/2", "models--tiiuae--falcon/blobs/3"]
    assert not hermes.exists()
    assert (falcon / "refs" / "main").read_text() == NEW
    assert prune(cache, [FALCON], [], check_mode=False) == ([], 0, [])


def test_check_mode_says_the_same_and_removes_nothing(cache):
    before = left(cache)
    predicted = prune(cache, [FALCON], [], check_mode=True)
    assert left(cache) == before
    assert prune(cache, [FALCON], [], check_mode=False) == predicted


@pytest.mark.parametrize(
    ("arguments", "stays"),
    [
        (["serve", "tiiuae/falcon", "--revision", OLD], True),
        (["serve", "tiiuae/falcon", "--revision", "main"], True),
        (["serve", "tiiuae/falcon", "--revision", NEW], False),
        (["serve", "tiiuae/falcon-instruct", "--revision", OLD], False),
    ],
)
def test_what_a_container_serves_stays(cache, arguments, stays):
    _removed, _freed, served = prune(cache, [FALCON], [arguments], check_mode=False)
    snapshot = cache / "models--tiiuae--falcon" / "snapshots" / OLD
    assert snapshot.exists() is stays
    assert served == ([str(snapshot)] if stays else [])
    assert (snapshot / "file-1").exists() is stays
