# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes a model from the store, and who from another host."""

from __future__ import annotations

from ansible_collections.inference.fleet.plugins.module_utils.artifacts.peers import share_out

FALCON = {"repo_id": "tiiuae/falcon", "revision": "main"}
HERMES = {"repo_id": "NousResearch/Hermes", "revision": "main"}


def seen(has=(), lacks=()):
    return {"models": [*has], "missing": [*lacks]}


def test_what_nobody_has_is_taken_from_the_store_once():
    plan = share_out({host: seen(lacks=[FALCON]) for host in "abc"})
    assert plan["a"] == {"seed": [FALCON], "rest": [], "shares": True}
    assert plan["b"] == plan["c"] == {"seed": [], "rest": [FALCON], "shares": False}


def test_what_somebody_has_is_not_taken_from_the_store_at_all():
    plan = share_out({"a": seen(lacks=[FALCON]), "b": seen(has=[{**FALCON, "path": "…"}])})
    assert plan["a"] == {"seed": [], "rest": [FALCON], "shares": False}
    assert plan["b"] == {"seed": [], "rest": [], "shares": True}


def test_each_model_is_seeded_where_it_is_wanted():
    plan = share_out({"a": seen(lacks=[FALCON]), "b": seen(lacks=[FALCON, HERMES]), "c": seen(lacks=[HERMES])})
    assert [plan[host]["seed"] for host in "abc"] == [[FALCON], [HERMES], []]
    assert [plan[host]["shares"] for host in "abc"] == [True, True, False]


def test_nobody_shares_where_nobody_lacks_anything():
    plan = share_out({"a": seen(has=[FALCON]), "b": seen()})
    assert not any(part["shares"] or part["seed"] or part["rest"] for part in plan.values())
