# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model on its way from the hub through the store into a host's cache, over real servers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.artifact import Artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.fetch import fill
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.hub import Hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.open import open_store
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer.progress import Progress
from rig.standins.repositories import Repositories

from .conftest import TOKEN

WRONG = "hf_wrong"
FILES = {
    "config.json": b'{"architectures": []}\n',
    "empty.txt": b"",
    "nested/tokenizer.json": b"{}",
    "nested/same.json": b"{}",
    "model.safetensors": hashlib.shake_256(b"weights").digest(3_000_001),
    "pytorch_model.bin": b"the same once more",
}
LATER_FILES = {**FILES, "config.json": b"another"}


def lay(repository, files):
    """Write the files of a repository at the hub."""
    for path, body in files.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_bytes(body)


def commit_of(files):
    """What the hub will say."""
    with TemporaryDirectory() as root:
        lay(Path(root) / "org" / "tiny", files)
        return Repositories(Path(root)).find("org/tiny").commit


COMMIT, LATER = commit_of(FILES), commit_of(LATER_FILES)
TINY = Artifact("org/tiny", COMMIT, family="tiny", name="tiny")
BRANCH = replace(TINY, revision="main")
KEY = f"models/tiny/{COMMIT[:7]}/org--tiny.tar"
WANTED = {path: content for path, content in FILES.items() if not path.endswith(".bin")}


@pytest.fixture(autouse=True)
def repository(tmp_path):
    """The folder of org/tiny at the hub, and org/gated with the same in it."""
    lay(tmp_path / "hub" / "org" / "gated", FILES)
    lay(tmp_path / "hub" / "org" / "tiny", FILES)
    return tmp_path / "hub" / "org" / "tiny"


@pytest.fixture
def published(publish):
    results, errors = publish(TINY)
    assert not errors
    return results


@pytest.fixture
def fetch(store, tmp_path):
    def run(*artifacts, sources=None):
        if sources is None:
            _models, sources, errors = look(store, artifacts, presign=60)
            assert not errors
        return fill(tmp_path / "cache", artifacts, sources, Progress(None), check_mode=False)

    return run


def tree(folder):
    """Every file of a folder by its path; a snapshot's files are links."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def content(client, settings, key=KEY):
    return client.get_object(Bucket=settings.bucket, Key=key)["Body"].read()


def test_the_tar_is_laid_out_as_documented(published, client, settings):
    (publication,) = published
    assert (publication.key, publication.commit, publication.changed) == (KEY, COMMIT, True)
    body = content(client, settings)
    assert publication.size == len(body)
    model = "org--tiny/models--org--tiny"
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        names = tar.getnames()
        assert tar.extractfile("org--tiny/version.txt").read() == b"1"
        assert tar.extractfile(f"{model}/refs/main").read().decode() == COMMIT
        for path, wanted in WANTED.items():
            member = tar.getmember(f"{model}/snapshots/{COMMIT}/{path}")
            assert member.issym()
            assert member.linkname.startswith("../" * (2 + path.count("/")) + "blobs/")
            assert tar.extractfile(member).read() == wanted
    assert not [name for name in names if name.endswith(".bin")], "one format of the weights is enough"
    assert {name.split("/")[0] for name in names} == {"org--tiny"}


@pytest.mark.usefixtures("published")
def test_the_manifest_says_where_every_file_lies(client, settings):
    manifest = json.loads(content(client, settings, f"{KEY}.manifest.json"))
    body = content(client, settings)
    assert {file["path"] for file in manifest["files"]} == set(WANTED)
    for file in manifest["files"]:
        piece = body[file["offset"] : file["offset"] + file["size"]]
        assert piece == WANTED[file["path"]]
        assert file["sha256"] == hashlib.sha256(piece).hexdigest()


@pytest.mark.usefixtures("published")
def test_the_same_revision_gives_the_same_bytes(publish, client, settings):
    first = content(client, settings), content(client, settings, f"{KEY}.manifest.json")
    client.delete_object(Bucket=settings.bucket, Key=f"{KEY}.manifest.json")
    client.delete_object(Bucket=settings.bucket, Key=KEY)
    publish(TINY)
    assert (content(client, settings), content(client, settings, f"{KEY}.manifest.json")) == first


@pytest.mark.usefixtures("published")
def test_what_is_published_is_not_asked_of_the_hub_again(publish, hub, tmp_path):
    assert not [*(tmp_path / "scratch" / "hub").glob("models--*")], "the scratch folder was given back"
    hub.requests.clear()
    (again,), errors = publish(TINY)
    assert (again.changed, again.key, errors, hub.requests) == (False, KEY, [], [])


@pytest.mark.usefixtures("published")
def test_a_tar_without_manifest_or_of_another_size_is_published_again(publish, client, settings):
    client.delete_object(Bucket=settings.bucket, Key=f"{KEY}.manifest.json")
    assert publish(TINY)[0][0].changed
    client.put_object(Bucket=settings.bucket, Key=KEY, Body=b"half")
    assert publish(TINY)[0][0].changed
    assert not publish(TINY)[0][0].changed


def test_check_mode_predicts_and_transfers_nothing(publish, hub, client, settings):
    (predicted,), _rest = publish(TINY, check_mode=True)
    assert predicted.changed
    assert client.list_objects_v2(Bucket=settings.bucket)["KeyCount"] == 0
    assert not [line for line in hub.requests if line.startswith("GET /org/tiny/resolve")]
    assert publish(TINY)[0][0] == predicted


def test_a_branch_is_resolved_reported_and_followed(publish, repository, fetch, store):
    assert [model.commit for model in publish(BRANCH)[0]] == [COMMIT]
    assert not publish(BRANCH)[0][0].changed
    assert fetch(BRANCH)[0][0]["commit"] == COMMIT
    lay(repository, LATER_FILES)
    (moved,), _rest = publish(BRANCH)
    assert (moved.commit, moved.changed) == (LATER, True)
    assert look(store, [BRANCH])[0][0]["commit"] == LATER


@pytest.mark.usefixtures("published")
def test_a_host_gets_what_the_hub_has_and_a_second_time_asks_nobody(fetch, tmp_path):
    (found,), missing, errors = fetch(TINY)
    assert (missing, errors) == ([], [])
    assert found["changed"]
    snapshot = tmp_path / "cache" / "models--org--tiny" / "snapshots" / COMMIT
    assert found["path"] == str(snapshot)
    assert tree(snapshot) == WANTED
    assert all(path.is_symlink() for path in snapshot.rglob("*") if path.is_file())
    (again,), missing, errors = fetch(TINY, sources=[])
    assert (again["changed"], again["bytes_read"], missing, errors) == (False, 0, [], [])


@pytest.mark.usefixtures("published")
def test_huggingface_hub_opens_it_offline(fetch, tmp_path):
    fetch(TINY)
    import huggingface_hub

    for revision in (COMMIT, "main"):
        folder = huggingface_hub.snapshot_download(
            "org/tiny", revision=revision, cache_dir=tmp_path / "cache", local_files_only=True
        )
        assert tree(tmp_path / folder) == WANTED


@pytest.mark.usefixtures("published")
def test_a_killed_fetch_is_resumed_inside_the_file(fetch, tmp_path):
    weights = FILES["model.safetensors"]
    blobs = tmp_path / "cache" / "models--org--tiny" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(weights).hexdigest()}.partial").write_bytes(weights[:2_900_000])
    (found,), _rest, errors = fetch(TINY)
    assert not errors
    assert found["bytes_read"] < 200_000
    assert tree(tmp_path / found["path"]) == WANTED
    assert not [*blobs.glob("*.partial")]


@pytest.mark.parametrize("harm", ["truncated", "removed", "link removed", "record removed"])
@pytest.mark.usefixtures("published")
def test_a_damaged_snapshot_is_seen_and_only_the_damage_is_read_again(harm, fetch, tmp_path):
    (found,), _rest, _rest = fetch(TINY)
    snapshot = tmp_path / found["path"]
    if harm == "truncated":
        os.truncate(snapshot / "config.json", 1)
    elif harm == "removed":
        (snapshot / "config.json").resolve().unlink()
    elif harm == "link removed":
        (snapshot / "config.json").unlink()
    else:
        (snapshot.parents[1] / "manifests" / f"{COMMIT}.json").unlink()
    _rest, missing, errors = fill(tmp_path / "cache", [TINY], [], check_mode=True)
    assert (missing, errors) == ([TINY], [])
    (found,), missing, errors = fetch(TINY)
    assert (found["changed"], missing, errors) == (True, [], [])
    assert found["bytes_read"] <= len(FILES["config.json"])
    assert tree(snapshot) == WANTED


@pytest.mark.usefixtures("published")
def test_wrong_bytes_in_the_store_are_refused_and_named(fetch, client, settings, tmp_path):
    body = bytearray(content(client, settings))
    body[body.find(FILES["model.safetensors"][:1000]) + 5] ^= 1
    client.put_object(Bucket=settings.bucket, Key=KEY, Body=bytes(body))
    found, missing, (error,) = fetch(TINY)
    assert (found, missing) == ([], [TINY])
    assert "model.safetensors" in str(error)
    assert "its sha256 differs" in str(error)
    assert "X-Amz" not in str(error)
    assert not (tmp_path / "cache" / "models--org--tiny" / "snapshots").exists()


@pytest.mark.usefixtures("published")
def test_what_is_served_survives_a_failed_fetch_of_another_revision(
    publish, fetch, repository, store, client, settings
):
    (served,), _rest, _rest = fetch(TINY)
    lay(repository, LATER_FILES)
    later = replace(TINY, revision=LATER)
    publish(later)
    _rest, (source,), _rest = look(store, [later], presign=60)
    client.delete_object(Bucket=settings.bucket, Key=source["key"])
    found, missing, errors = fetch(TINY, later, sources=[source])
    assert [item["path"] for item in found] == [served["path"]]
    assert missing == [later]
    assert str(errors[0]).endswith("Publish the model first (playbooks/publish.yml).")


@pytest.mark.usefixtures("published")
def test_an_expired_address_says_so(fetch, store):
    _rest, sources, _rest = look(store, [TINY], presign=1)
    time.sleep(2.1)
    _rest, _rest, (error,) = fetch(TINY, sources=sources)
    assert "HTTP 403" in str(error)
    assert "the address has expired" in str(error)


@pytest.mark.usefixtures("published")
def test_a_full_disk_is_told_before_anything_is_written(fetch, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    _rest, missing, (error,) = fetch(TINY)
    assert missing == [TINY]
    assert "0.0 GiB free" in str(error)


def test_an_absent_model_names_the_playbook(store):
    _rest, sources, (error,) = look(store, [TINY], presign=60)
    assert sources == []
    assert f"{KEY} is absent" in str(error)
    assert look(store, [TINY])[0][0]["published"] is False


def test_wrong_bytes_from_the_hub_are_never_published(publish, hub, client, settings, tmp_path):
    hub.damaged["model.safetensors"] = tmp_path / "wrong"
    (tmp_path / "wrong").write_bytes(FILES["model.safetensors"][::-1])
    published, (error,) = publish(TINY)
    assert published == []
    assert "model.safetensors as downloaded is not what the hub says" in str(error)
    assert client.list_objects_v2(Bucket=settings.bucket)["KeyCount"] == 0
    hub.damaged.clear()
    assert publish(TINY)[1] == [], "and the next run does not take the bad file up"


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_gated_repository_names_the_variable(publish, check_mode):
    gated = replace(TINY, repo_id="org/gated")
    _rest, (error,) = publish(gated, check_mode=check_mode)
    assert "HTTP 401" in str(error)
    assert "set model_store_hub_token" in str(error)
    _rest, (error,) = publish(gated, token=WRONG, check_mode=check_mode)
    assert "HTTP 403" in str(error)
    assert WRONG not in str(error)
    assert publish(gated, token=TOKEN, check_mode=check_mode)[1] == []


@pytest.mark.parametrize(
    ("artifact", "said"),
    [
        (replace(TINY, repo_id="org/other"), "no such repository"),
        (replace(TINY, revision="0" * 40), "it has no revision 0000"),
        (replace(TINY, revision="dev"), "it has no revision dev"),
        (replace(TINY, formats=("gguf",)), "it has no gguf files but safetensors, bin"),
    ],
)
def test_what_the_hub_does_not_have_is_named_and_the_rest_published(publish, artifact, said):
    (published,), (error,) = publish(artifact, TINY)
    assert said in str(error)
    assert published.repo_id == "org/tiny"


def test_an_unreachable_hub_is_named(publish, hub):
    hub.shutdown()
    hub.server_close()
    _rest, (error,) = publish(TINY)
    assert str(error).endswith("Is model_store_hub_url right, and can the publisher reach it?")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bucket": "nowhere-to-be-found"}, "NoSuchBucket"),
        ({"secret_key": "wrong"}, "HTTP 403"),
        ({"access_key": "wrong"}, "HTTP 403"),
        ({"endpoint": "http://127.0.0.1:9"}, "can the publisher reach it?"),
        ({"bucket": ""}, "model_store_s3_bucket"),
    ],
)
def test_a_store_that_refuses_is_named(settings, change, said):
    _rest, _rest, (error,) = look(open_store(replace(settings, **change)), [TINY])
    assert said in str(error)
    assert "wrong" not in str(error)


@pytest.mark.usefixtures("published")
def test_the_hub_library_is_not_even_loaded_for_what_is_there(store, tmp_path):
    from ansible_collections.inference.fleet.plugins.module_utils.artifacts.publish import Publisher

    def hub() -> Hub:
        raise AssertionError

    (again,), errors = Publisher(store, hub, tmp_path, False).publish([TINY])
    assert (again.changed, errors) == (False, [])


def test_publishing_can_be_killed_at_any_moment(publish, hub, settings, client, tmp_path, kill_until_done):
    program = """
from ansible_collections.inference.fleet.plugins.module_utils.artifacts import artifact
from ansible_collections.inference.fleet.plugins.module_utils.artifacts import hub
from ansible_collections.inference.fleet.plugins.module_utils.artifacts import publish
from ansible_collections.inference.fleet.plugins.module_utils.artifacts import store
publisher = publish.Publisher(
    store.Store(store.Settings.of(p["store"])), lambda: hub.Hub(p["hub"], ""), Path(p["scratch"]), False
)
print("ready", flush=True)
sys.exit(len(publisher.publish(artifact.artifacts([p["model"]], family_needed=True))[1]))
"""
    parameters = {
        "store": asdict(settings),
        "hub": hub.url,
        "scratch": str(tmp_path / "scratch"),
        "model": {"repo_id": TINY.repo_id, "revision": COMMIT, "family": "tiny"},
    }
    assert kill_until_done(program, parameters, step=0.1) > 1
    killed = content(client, settings), content(client, settings, f"{KEY}.manifest.json")
    for key in (KEY, f"{KEY}.manifest.json"):
        client.delete_object(Bucket=settings.bucket, Key=key)
    assert publish(TINY)[1] == []
    assert (content(client, settings), content(client, settings, f"{KEY}.manifest.json")) == killed
