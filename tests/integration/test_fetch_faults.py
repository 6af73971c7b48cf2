# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching while the store misbehaves."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.fetch import ExpiredError
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.stores.info import look
from ansible_collections.inference.fleet.plugins.module_utils.artifacts.transfer import http

from .conftest import PIECE
from .proxy import Fault
from .repository import KEY, SIZE, TINY, WANTED, tree

TAR = f"{KEY}?"
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"

pytestmark = pytest.mark.usefixtures("published")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", TAR, "reset", times=6, spared=2),
        Fault("GET", TAR, "cut", times=20, spared=2),
        Fault("GET", TAR, "answer", status=500, times=3),
        Fault("GET", TAR, "answer", status=503, times=3),
        Fault("GET", TAR, "answer", status=429, times=3),
    ],
    ids=lambda fault: f"{fault.deed} {fault.status or ''}".strip(),
)
def test_what_passes_is_waited_for_and_taken_up_where_it_broke(fetch, wire, fault):
    wire.faults.append(Fault(**asdict(fault)))
    wire.exchanges.clear()
    (found,), _missing, errors = fetch(TINY)
    assert (errors, wire.faults) == ([], [])
    assert tree(found["path"]) == WANTED
    moved = sum(seen.moved for seen in wire.asked("GET", TAR) if seen.status == 206)
    lost = 6 * PIECE // 2 if fault.deed == "reset" else 0  # what a reset finds on its way may be gone
    assert moved <= found["bytes_read"] + lost
    assert found["bytes_read"] >= SIZE


def test_it_does_not_ask_again_before_the_store_wants_it(fetch, wire):
    wire.exchanges.clear()
    wire.faults.append(Fault("GET", TAR, "answer", status=429, headers={"Retry-After": "1"}))
    assert fetch(TINY)[2] == []
    refused = next(seen for seen in wire.exchanges if seen.status == 429)
    assert wire.repetition(refused).began - refused.began >= 1


def test_a_store_that_ignores_ranges_will_do(fetch, wire, content):
    whole = content(KEY)
    wire.faults.append(Fault("GET", TAR, "answer", status=200, body=whole, times=1000))
    (found,), _missing, errors = fetch(TINY)
    assert errors == []
    assert tree(found["path"]) == WANTED


def test_a_store_that_stays_broken_is_named_after_a_few_tries(fetch, wire):
    wire.faults.append(Fault("GET", TAR, "answer", status=503, times=1000))
    wire.exchanges.clear()
    _found, _missing, (error,) = fetch(TINY)
    assert str(error).endswith("HTTP 503. Can this host reach the store? What was fetched is kept; run again.")
    assert "X-Amz" not in str(error)
    tries = [seen.headers["range"] for seen in wire.asked("GET", TAR)]
    assert max(map(tries.count, tries)) == http.TRIES


def test_an_address_that_expires_half_way_says_so_and_with_another_it_goes_on(fetch, store, wire):
    wire.exchanges.clear()
    wire.faults.append(Fault("GET", TAR, "answer", status=403, body=EXPIRED, spared=10, times=1000))
    _found, missing, (error,) = fetch(TINY)
    assert missing == [TINY]
    assert isinstance(error, ExpiredError)
    assert "the address has expired" in str(error)
    assert "X-Amz" not in str(error)
    read = sum(seen.moved for seen in wire.asked("GET", TAR) if seen.status == 206)
    wire.faults.clear()
    wire.exchanges.clear()
    (found,), _missing, errors = fetch(TINY, sources=look(store, [TINY], presign=60)[1])
    assert errors == []
    assert tree(found["path"]) == WANTED
    again = sum(seen.moved for seen in wire.asked("GET", TAR))
    assert again == found["bytes_read"]
    assert 0 < read < SIZE
    assert read + again <= SIZE + len(WANTED) * 1024, "nothing was read twice"
