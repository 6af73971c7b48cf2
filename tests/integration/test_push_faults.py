# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing while the hub and the store misbehave, and while somebody else publishes the same."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from .conftest import PIECE, TOKEN
from .programs import PUBLISH, Program
from .proxy import Fault
from .repository import COMMIT, GATED, KEY, MODEL, TINY, WANTED, tree

MANIFEST = f"{KEY}.manifest.json"
OLD, NEW = "hf_" + "old", "hf_" + "new"

pytestmark = pytest.mark.usefixtures("repository")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/resolve/", "reset", times=6, spared=2),
        Fault("GET", "/resolve/", "cut", times=6, spared=2),
        Fault("GET", "/resolve/", "answer", status=500, times=3, spared=2),
        Fault("GET", "/tree/", "answer", status=503),
        Fault("PUT", "partNumber=", "reset", times=6, spared=2),
        Fault("PUT", "partNumber=", "unanswered", times=6, spared=2),
        Fault("PUT", "partNumber=", "answer", status=503, times=3, spared=2),
        Fault("POST", "uploadId=", "unanswered"),
        Fault("POST", "uploadId=", "answer", status=503),
        Fault("PUT", "manifest.json", "reset"),
    ],
    ids=lambda fault: f"{fault.method} {fault.where} {fault.deed} {fault.status or ''}".strip(),
)
def test_what_passes_is_waited_for(publish, fetch, hub, wire, fault):
    for server in (hub, wire):
        server.faults.append(Fault(**asdict(fault)))
    assert publish(TINY)[1] == []
    assert not (hub.faults and wire.faults), "it did happen"
    assert tree(fetch(TINY)[0][0]["path"]) == WANTED


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("method", "where"), [("GET", "model-2.safetensors"), ("PUT", "partNumber=3&")])
def test_nobody_asks_again_before_the_server_wants_it(publish, hub, wire, method, where, status):
    for server in (hub, wire):
        server.faults.append(Fault(method, where, "answer", status=status, headers={"Retry-After": "1"}))
    assert publish(TINY)[1] == []
    server = hub if method == "GET" else wire
    (refused,) = [seen for seen in server.exchanges if seen.status == status]
    assert server.repetition(refused).began - refused.began >= 1


@pytest.mark.parametrize(
    ("method", "where", "said"),
    [("GET", "/resolve/", "can the publisher reach it?"), ("PUT", "partNumber=", "what was transferred is kept")],
)
def test_what_stays_broken_is_named_and_what_was_sent_is_kept(publish, hub, wire, content, method, where, said):
    for server in (hub, wire):
        server.faults.append(Fault(method, where, "answer", status=503, times=1000, spared=10))
    _found, (error,) = publish(TINY)
    assert "HTTP 503" in str(error)
    assert said in str(error)
    hub.faults.clear()
    wire.faults.clear()
    sent = [seen for seen in wire.asked("PUT", "partNumber=") if seen.status == 200]
    assert sent
    wire.exchanges.clear()
    assert publish(TINY)[1] == []
    assert len(wire.asked("PUT", "partNumber=")) == -(-len(content(KEY)) // PIECE) - len(sent)


def test_a_token_that_expires_on_the_way_is_named_and_with_another_it_goes_on(publish, hub, wire, content):
    hub.standin.token = OLD
    invalid = Fault("GET", "/resolve/", "answer", status=401, spared=8, times=1000)
    hub.faults.append(invalid)
    _found, (error,) = publish(GATED, token=OLD)
    assert "HTTP 401" in str(error)
    assert "account that model_store_hub_token belongs to, and the token valid?" in str(error)
    assert OLD not in repr(error)
    hub.faults.clear()
    hub.standin.token = NEW
    sent = len(wire.asked("PUT", "partNumber="))
    assert sent > 0
    (published,), errors = publish(GATED, token=NEW)
    assert errors == []
    assert len(wire.asked("PUT", "partNumber=")) == -(-len(content(published.key)) // PIECE), "each part once"
    assert not [seen for seen in wire.exchanges if "hf_" in str(seen)], "the store never sees it"


def test_two_publishers_at_once_make_one_model(hub, settings, content, keys, publish, client):
    hub.rate = 200_000
    parameters = {"model": MODEL, "hub": hub.url, "store": asdict(settings), "piece": PIECE}
    processes = [Program(PUBLISH, parameters).start() for _publisher in range(2)]
    ends = [(process.communicate(timeout=120)[0], process.returncode) for process in processes]
    assert any(status == 0 for _said, status in ends), ends
    for said, status in ends:
        assert "Traceback" not in said
        assert status == 0 or said.startswith("Failed to publish")
    assert sorted(keys()) == sorted([KEY, MANIFEST])
    both = content(KEY), content(MANIFEST)
    for key in (KEY, MANIFEST):
        client.delete_object(Bucket=settings.bucket, Key=key)
    hub.rate = 0
    assert publish(TINY)[1] == []
    assert (content(KEY), content(MANIFEST)) == both
    assert json.loads(both[1])["commit"] == COMMIT


def test_a_publisher_that_is_overtaken_reads_back_what_the_other_has_sent(publish, hub, wire, content, keys):
    """The other one takes our upload up and completes it while we wait for the hub."""
    done = []
    hub.faults.append(Fault("GET", "model-3.safetensors", "pass", spared=2, action=lambda: done.append(publish(TINY))))
    found, errors = publish(TINY)
    assert errors == done[0][1] == []
    assert found == done[0][0]
    assert sorted(keys()) == sorted([KEY, MANIFEST])
    assert WANTED["model-3.safetensors"] in content(KEY)
    assert wire.asked("GET", f"{KEY}?"), "it was read back"


def test_the_token_goes_to_the_hub_alone(publish, hub):
    hub.standin.lfs_url = f"http://localhost:{hub.port}"
    assert publish(GATED, token=TOKEN)[1] == []
    redirected = hub.asked("GET", "/lfs/")
    assert redirected
    assert {seen.headers["host"] for seen in redirected} == {f"localhost:{hub.port}"}
    assert not [seen for seen in redirected if "authorization" in seen.headers]
    assert all("authorization" in seen.headers for seen in hub.asked("GET", "/resolve/"))


def test_addresses_that_expire_are_asked_of_the_hub_anew(publish, hub):
    hub.standin.lfs_url = f"http://localhost:{hub.port}"
    hub.faults.append(Fault("GET", "/lfs/", "answer", status=403, spared=5, times=2))
    assert publish(TINY)[1] == []
    assert len(hub.asked("GET", "/resolve/")) < len(hub.asked("GET", "/lfs/")), "one address serves several pieces"
