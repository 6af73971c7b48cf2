# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How layers share the blocks of the KV cache, and how many tokens a space holds: vLLM's own arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .pages import Page

EVEN_ENOUGH = 1.5  # up to this ratio of the most to the fewest layers of a kind, kinds are padded to the most


@dataclass(frozen=True)
class KvCache:
    """The cache of one model under one set of flags. Layers of a group share their blocks; all groups draw on one pool.

    ``bounds`` are the first layer of each pipeline stage and the first that is not its own; ``block_bytes`` is what one
    block takes on a device of each stage.
    """

    groups: tuple[tuple[Page, ...], ...]
    bounds: tuple[tuple[int, int], ...]
    block_bytes: tuple[int, ...]
    in_flight: int  # tokens

    @property
    def block_size(self) -> int:
        """Tokens of a block, where there is attention."""
        return max((page.tokens for group in self.groups for page in group), default=0)

    def blocks_per_request(self, length: int) -> int:
        """Blocks that a request of ``length`` tokens holds at most."""
        return sum(max(page.count(length, self.in_flight) for page in group) for group in self.groups)

    def blocks(self, spaces: Sequence[int]) -> int:
        """Blocks that every stage has room for, in ``spaces`` bytes of a device of each."""
        counts = [space // size for space, size in zip(spaces, self.block_bytes) if size]
        return max(0, min(counts, default=0))

    def concurrency(self, blocks: int, length: int) -> float:
        """Requests of ``length`` tokens that ``blocks`` hold at once."""
        return blocks / self.blocks_per_request(length) if self.groups else math.inf

    def tokens(self, blocks: int, length: int) -> int:
        """What vLLM logs as the size of its cache: tokens of requests of ``length``."""
        return int(self.concurrency(blocks, length) * length) if self.groups else 0

    def needed(self, length: int) -> list[int]:
        """Bytes on a device of each stage for one request of ``length`` tokens, and the block that vLLM keeps back."""
        return [(self.blocks_per_request(length) + 1) * size for size in self.block_bytes]

    def longest(self, blocks: int, limit: int) -> int:
        """The longest context of which one request fits, up to ``limit``; 0 where none does."""
        shortest, longest = 0, limit
        while shortest < longest:
            middle = (shortest + longest + 1) // 2
            if self.blocks_per_request(middle) + 1 <= blocks:
                shortest = middle
            else:
                longest = middle - 1
        return shortest

    @property
    def token_bytes(self) -> int:
        """Bytes that each further token takes on a device of the stage where it takes most."""
        growing = [page for group in self.groups for page in group if page.kind == "full"]
        return max(
            sum(page.content // page.tokens for page in growing if first <= page.layer < last)
            for first, last in self.bounds
        )


def kv_cache(pages: list[Page], layers: int, pipeline_parallel: int, in_flight: int) -> KvCache:
    """The cache for ``pages``, with the ``layers`` of the model divided among the stages."""
    groups, bounds = _groups(pages), stages(layers, pipeline_parallel)
    block_bytes = [
        max((sum(page.size for page in group if first <= page.layer < last) for group in groups), default=0)
        for first, last in bounds
    ]
    return KvCache(tuple(tuple(group) for group in groups), tuple(bounds), tuple(block_bytes), in_flight)


def stages(layers: int, count: int) -> list[tuple[int, int]]:
    """The first layer of each pipeline stage, and the first that is not its own."""
    sizes = [layers // count] * count
    for place in range(2, layers % count + 2):  # not the last one, which has the output head
        sizes[-place] += 1
    ends = [sum(sizes[: place + 1]) for place in range(count)]
    return [(end - size, end) for end, size in zip(ends, sizes)]


def _groups(pages: list[Page]) -> list[list[Page]]:
    """Groups of as many layers each: of the kind with the fewest, or, if all have about as many, with the most."""
    if len({page.uniform for page in pages}) <= 1:
        return [pages] if pages else []
    kinds: dict[tuple[object, ...], list[Page]] = {}
    for page in pages:
        kinds.setdefault(page.alike, []).append(page)
    fewest, most = (choice(len(kind) for kind in kinds.values()) for choice in (min, max))
    size = most if most < fewest * EVEN_ENOUGH else fewest
    groups = []
    for kind in kinds.values():
        count = math.ceil(len(kind) / size)
        groups += [kind[place::count] for place in range(count)]
    return groups
