# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import hashlib
import io
import tarfile

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.archive import (
    DamagedError,
    RemoteFile,
    TarStream,
    manifest_of,
    members,
    offsets,
)
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.manifest import parse_manifest
from ansible_collections.inference.fleet.plugins.module_utils.errors import FleetError

COMMIT = "cf4b3c42ce2fdfe24f753f0f0d179202fea59c99"
ARTIFACT = Artifact("org/m", COMMIT, family="f")
CONTENT = {"b.bin": b"weights" * 1000, "a.json": b"{}", "deep/er/a.json": b"{}", "n" * 120 + ".txt": b"long name"}


def listed(path):
    content = CONTENT[path]
    if path.endswith(".bin"):
        return RemoteFile(path, hashlib.sha256(content).hexdigest(), len(content))
    git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return RemoteFile(path, git.hexdigest(), len(content))


FILES = [listed(path) for path in CONTENT]


def stream(files=FILES, content=None):
    bodies = content or CONTENT
    return TarStream(ARTIFACT, members(ARTIFACT, COMMIT, files), lambda file: io.BytesIO(bodies[file.path]))


def test_offsets_are_known_before_any_content():
    starts, size = offsets(members(ARTIFACT, COMMIT, FILES))
    body = stream().readall()
    assert len(body) == size
    for file in FILES:
        assert body[starts[file.blob] :].startswith(CONTENT[file.path])


def test_it_is_a_tar_without_owner_time_or_order_of_the_hub():
    body = stream().readall()
    assert stream(FILES[::-1]).readall() == body
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        infos = tar.getmembers()
        assert {(info.mtime, info.uid, info.gid, info.uname) for info in infos} == {(0, 0, 0, "")}
        for path, content in CONTENT.items():
            assert tar.extractfile(f"org--m/models--org--m/snapshots/{COMMIT}/{path}").read() == content
    blobs = [info.name for info in infos if "/blobs/" in info.name]
    assert len(blobs) == 3, "equal files share a blob"


def test_the_manifest_survives_its_own_json():
    parts = members(ARTIFACT, COMMIT, FILES)
    tar = stream()
    tar.readall()
    manifest = manifest_of(ARTIFACT, COMMIT, FILES, parts, tar.sha256, "t")
    assert parse_manifest(manifest.as_dict(), "here") == manifest
    assert manifest.size == len(CONTENT["b.bin"]) + len(b"{}") + len(b"long name")


@pytest.mark.parametrize("wrong", [b"weightz" * 1000, b"weights" * 999, b"weights" * 1001])
def test_content_that_is_not_what_was_listed_ends_the_stream(wrong):
    with pytest.raises(DamagedError, match=r"b\.bin as downloaded is not what the hub says"):
        stream(content={**CONTENT, "b.bin": wrong}).readall()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "../../etc/passwd"}, "leads out of the snapshot"),
        ({"path": "/etc/passwd"}, "leads out of the snapshot"),
        ({"path": "a//b"}, "leads out of the snapshot"),
        ({"blob": "../x"}, "no valid hash"),
        ({"sha256": ""}, "no valid hash"),
        ({"size": 10**9}, "outside the tar"),
        ({"offset": -1}, "outside the tar"),
        ({"size": "big"}, "it is not a manifest"),
    ],
)
def test_a_tampered_manifest_is_refused(change, said):
    file = {"path": "a", "blob": "0" * 40, "size": 1, "sha256": "0" * 64, "offset": 0, **change}
    body = {"format": 1, "repo_id": "o/m", "commit": COMMIT, "selection": {}, "tar_size": 10, "files": [file]}
    with pytest.raises(FleetError, match=said):
        parse_manifest(body, "s3://b/k")


@pytest.mark.parametrize("body", [None, [], {}, {"format": 2}])
def test_what_is_no_manifest_of_ours_is_refused(body):
    with pytest.raises(FleetError, match="s3://b/k"):
        parse_manifest(body, "s3://b/k")
