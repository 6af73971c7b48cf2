# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that take a model from another host that has it, so that the store is read once."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from .artifact import entry_id
from .transfer.http import Client, HttpError, UnreachableError
from .transfer.pieces import Piece

TRIES = 2  # a peer that does not answer is not waited for: there is the store


def share_out(seen: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Who takes what from where, by host. ``seen`` is what model_fetch in check mode returned on each.

    ``seed`` are the models that the host takes from the store: those that nobody has yet, on the first host that lacks
    them. ``rest`` are those that it then finds with others. ``shares`` says whether it has something that others lack.
    """
    plan: dict[str, dict[str, Any]] = {host: {"seed": [], "rest": [], "shares": False} for host in seen}
    holders: dict[tuple[str, str], list[str]] = {}
    for host, result in seen.items():
        for model in result["models"]:
            holders.setdefault(entry_id(model), []).append(host)
    for host, result in seen.items():
        for model in result["missing"]:
            if entry_id(model) in holders:
                plan[host]["rest"].append(model)
                for holder in holders[entry_id(model)]:
                    plan[holder]["shares"] = True
            else:
                plan[host]["seed"].append(model)
                holders[entry_id(model)] = [host]
    return plan


class Peers:
    """Hosts with a peer server each. ``urls`` end with their secret, so they stand in no message."""

    def __init__(self, urls: Sequence[str], folder: str) -> None:
        self._urls = list(urls)
        self._folder = folder
        self._client = Client(tries=TRIES)
        self._received: list[int] = []  # bytes of pieces; a list, for several threads add to it

    @property
    def received(self) -> int:
        """Bytes that came from them."""
        return sum(self._received)

    def read(self, piece: Piece, view: memoryview) -> bool:
        """Fill ``view`` with the blobs that ``piece`` has, what lies between them aside; whether that was possible."""
        for url in random.sample(self._urls, len(self._urls)):
            try:
                for segment in piece.segments:
                    place = f"{url}/{self._folder}/blobs/{segment.blob}"
                    self._client.read_into(place, segment.start, view[segment.at : segment.at + segment.size])
            except HttpError:
                continue  # it does not have them
            except UnreachableError:
                if url in self._urls:
                    self._urls.remove(url)
                continue
            self._received.append(piece.size)
            return True
        return False
