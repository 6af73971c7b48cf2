# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import hashlib
import io
import tarfile

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.layout import Layout, RemoteFile
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
LAYOUT = Layout(ARTIFACT, COMMIT, FILES)


def tar(layout=LAYOUT, size=1000):
    """All of it, made in pieces of that size, the last first."""
    body = bytearray(b"?" * layout.size)
    for piece in sorted(layout.pieces(size), key=lambda piece: -piece.offset):
        view = memoryview(body)[piece.offset : piece.end]
        layout.frame(piece, view)
        for segment in piece.segments:
            content = CONTENT[layout.blobs[segment.blob].path]
            view[segment.at : segment.at + segment.size] = content[segment.start : segment.start + segment.size]
    return bytes(body)


@pytest.mark.parametrize("size", [1, 511, 512, 4096, 1 << 20])
def test_any_piece_can_be_made_without_the_others(size):
    assert tar(size=size) == tar()


def test_offsets_are_known_before_any_content():
    body = tar()
    assert len(body) == LAYOUT.size
    for file in FILES:
        assert body[LAYOUT.extents[file.blob].offset :].startswith(CONTENT[file.path])


def test_it_is_a_tar_without_owner_time_or_order_of_the_hub():
    body = tar()
    assert tar(Layout(ARTIFACT, COMMIT, FILES[::-1])) == body
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        infos = archive.getmembers()
        assert {(info.mtime, info.uid, info.gid, info.uname) for info in infos} == {(0, 0, 0, "")}
        for path, content in CONTENT.items():
            assert archive.extractfile(f"org--m/models--org--m/snapshots/{COMMIT}/{path}").read() == content
    blobs = [info.name for info in infos if "/blobs/" in info.name]
    assert len(blobs) == 3, "equal files share a blob"


def test_the_identity_differs_where_the_bytes_would():
    assert Layout(ARTIFACT, COMMIT, FILES[::-1]).identity == LAYOUT.identity
    assert Layout(ARTIFACT, COMMIT, FILES[:-1]).identity != LAYOUT.identity
    assert Layout(ARTIFACT, COMMIT[::-1], FILES).identity != LAYOUT.identity


def test_the_manifest_survives_its_own_json():
    sha256 = {file.blob: hashlib.sha256(CONTENT[file.path]).hexdigest() for file in FILES}
    manifest = LAYOUT.manifest(sha256, "t")
    assert parse_manifest(manifest.as_dict(), "here").as_dict() == manifest.as_dict()
    assert manifest.size == len(CONTENT["b.bin"]) + len(b"{}") + len(b"long name")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "../../etc/passwd"}, "leads out of the snapshot"),
        ({"path": "/etc/passwd"}, "leads out of the snapshot"),
        ({"path": "a//b"}, "leads out of the snapshot"),
        ({"path": "a/./b"}, "leads out of the snapshot"),
        ({"path": "a\0b"}, "leads out of the snapshot"),
        ({"blob": "../x"}, "no valid hash"),
        ({"blob": "A" * 64}, "no valid hash"),
        ({"blob": "0" * 40 + "\n"}, "no valid hash"),
        ({"sha256": ""}, "no valid hash"),
        ({"size": 10**9}, "outside the tar"),
        ({"size": -1}, "outside the tar"),
        ({"offset": -1}, "outside the tar"),
        ({"size": "big"}, "it is not a manifest"),
    ],
)
def test_a_tampered_manifest_is_refused(change, said):
    file = {"path": "a", "blob": "0" * 40, "size": 1, "sha256": "0" * 64, "offset": 0, **change}
    plain = {"compression": "none", "frame_size": 0, "frames": []}
    body = {"format": 1, "repo_id": "o/m", "commit": COMMIT, "selection": {}, "tar_size": 10, "files": [file], **plain}
    with pytest.raises(FleetError, match=said):
        parse_manifest(body, "s3://b/k")


@pytest.mark.parametrize("body", [None, [], {}, {"format": 2}])
def test_what_is_no_manifest_of_ours_is_refused(body):
    with pytest.raises(FleetError, match="s3://b/k"):
        parse_manifest(body, "s3://b/k")
