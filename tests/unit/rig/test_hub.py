# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import threading
import urllib.error
import urllib.request

import pytest

from rig.standins.hub import Hub
from rig.standins.repositories import Repositories

OPENS = "hf_right"
WEIGHTS = bytes(range(256)) * 8


@pytest.fixture
def root(tmp_path):
    for name in ("org/model", "org/gated"):
        folder = tmp_path / name
        (folder / "onnx").mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(WEIGHTS)
        (folder / "onnx" / "extra.json").write_text("[]")
    return tmp_path


@pytest.fixture
def hub(root):
    yield from serve(Hub(("127.0.0.1", 0), root, gated=["org/gated"], token=OPENS))


def serve(server):
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def ask(url, method="GET", **headers):
    """Status, headers and body; redirects are not followed."""
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(urllib.request.Request(url, method=method, headers=headers)) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def test_a_model_is_described_at_its_revision(hub, root):
    commit = Repositories(root).find("org/model").commit
    for path in ("", "/revision/main", f"/revision/{commit}", f"/revision/{commit[:7]}"):
        status, _headers, body = ask(f"{hub}/api/models/org/model{path}")
        assert (status, json.loads(body)["sha"]) == (200, commit)
    names = [sibling["rfilename"] for sibling in json.loads(body)["siblings"]]
    assert names == ["config.json", "model.safetensors", "onnx/extra.json"]


def test_the_tree_is_listed_and_paged(hub):
    tree = f"{hub}/api/models/org/model/tree/main"
    assert [entry["path"] for entry in json.loads(ask(tree)[2])] == ["config.json", "model.safetensors", "onnx"]
    assert [entry["path"] for entry in json.loads(ask(f"{tree}/onnx")[2])] == ["onnx/extra.json"]
    url, paths = f"{tree}?recursive=true&limit=3", []
    while url:
        _status, headers, body = ask(url)
        paths += [(entry["type"], entry["path"]) for entry in json.loads(body)]
        url = headers["Link"].split(">")[0][1:] if headers["Link"] else None
    assert paths == [
        ("file", "config.json"),
        ("file", "model.safetensors"),
        ("directory", "onnx"),
        ("file", "onnx/extra.json"),
    ]


def test_files_are_known_by_their_content(hub, root):
    repository = Repositories(root).find("org/model")
    _status, headers, body = ask(f"{hub}/org/model/resolve/main/config.json")
    # What `git hash-object` says of "{}".
    assert (body, headers["ETag"]) == (b"{}", '"9e26dfeeb6e641a33dae4961196235bdb965b21b"')
    status, headers, body = ask(f"{hub}/org/model/resolve/main/model.safetensors", "HEAD")
    assert (status, body, headers["X-Repo-Commit"]) == (200, b"", repository.commit)
    assert headers["X-Linked-Etag"] == headers["ETag"] == f'"{repository.file("model.safetensors").sha256}"'
    assert headers["X-Linked-Size"] == headers["Content-Length"] == str(len(WEIGHTS))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("bytes=0-9", slice(0, 10)), ("bytes=2000-", slice(2000, None)), ("bytes=-5", slice(-5, None))],
)
def test_parts_of_a_file(hub, asked, expected):
    status, headers, body = ask(f"{hub}/org/model/resolve/main/model.safetensors", Range=asked)
    assert (status, body) == (206, WEIGHTS[expected])
    assert headers["Content-Range"].endswith(f"/{len(WEIGHTS)}")


def test_a_part_beyond_the_end_is_refused(hub):
    assert ask(f"{hub}/org/model/resolve/main/model.safetensors", Range="bytes=9999-")[0] == 416


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        ("api/models/org/none", None, 404, "RepoNotFound"),
        ("api/models/org/model/revision/dev", None, 404, "RevisionNotFound"),
        ("org/model/resolve/main/none.json", None, 404, "EntryNotFound"),
        ("org/gated/resolve/main/config.json", None, 401, "GatedRepo"),
        ("org/gated/resolve/main/config.json", "hf_wrong", 403, "GatedRepo"),
        ("api/models/../../etc", None, 404, "NotFound"),
    ],
)
def test_refusals_carry_the_code_that_clients_read(hub, path, token, status, code):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = ask(f"{hub}/{path}", **headers)
    assert (answer[0], answer[1]["X-Error-Code"]) == (status, code)


def test_the_right_token_opens_a_gated_repository(hub):
    assert ask(f"{hub}/org/gated/resolve/main/config.json", Authorization=f"Bearer {OPENS}")[2] == b"{}"


def test_large_files_can_come_from_another_host(root):
    server = Hub(("127.0.0.1", 0), root)
    server.lfs_url = f"http://localhost:{server.server_address[1]}"
    for hub in serve(server):
        status, headers, _body = ask(f"{hub}/org/model/resolve/main/model.safetensors", "HEAD")
        assert (status, headers["X-Linked-Size"]) == (302, str(len(WEIGHTS)))
        assert ask(headers["Location"], Range="bytes=0-3")[2] == WEIGHTS[:4]
        assert ask(f"{hub}/org/model/resolve/main/config.json")[0] == 200


def test_the_commit_follows_from_the_content(root):
    before = Repositories(root).find("org/model").commit
    assert Repositories(root).find("org/gated").commit == before
    (root / "org/model/config.json").write_text("{ }")
    assert Repositories(root).find("org/model").commit != before


def test_an_earlier_commit_stays_there_to_be_read(hub, root):
    repositories = Repositories(root)
    before = repositories.find("org/model").commit
    (root / "org/model").rename(root / "org/model@before")
    (root / "org/model").mkdir()
    (root / "org/model/config.json").write_text("[]")
    assert ask(f"{hub}/org/model/resolve/{before}/config.json")[2] == b"{}"
    assert ask(f"{hub}/org/model/resolve/main/config.json")[2] == b"[]"
    assert repositories.at("org/model", "0" * 40) is None
