# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that layers keep their tokens or states in, made equal in size as vLLM makes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .flags import DTYPES, Flags, cache_element_bytes, element_bytes
from .layers import Latent, State
from .model_config import ModelConfig

CPU_BLOCK, GPU_BLOCK, LATENT_BLOCK = 128, 16, 16  # tokens
KERNEL_BLOCK = {True: 32, False: 16}  # tokens that the attention of a CPU, or an accelerator, takes at a time
HYBRID_LATENT_BLOCK = 128


@dataclass(frozen=True)
class Page:
    """What one layer keeps in one block."""

    kind: str  # full, window, state
    layer: int
    size: int  # bytes
    tokens: int  # that it holds; 0 for a state
    window: int = 0
    held: int = 0  # blocks of a request, for a state
    content: int = 0  # bytes of it in use

    @property
    def alike(self) -> tuple[object, ...]:
        """Equal for pages that differ in nothing but their layer."""
        return (self.kind, self.size, self.tokens, self.window, self.held, self.content)

    @property
    def uniform(self) -> tuple[object, ...]:
        """Equal for pages of which a request needs the same number."""
        size = self.size if self.kind == "state" else 0
        return (self.kind, self.tokens, self.window, self.held, size)

    def count(self, length: int, in_flight: int) -> int:
        """How many a request of ``length`` tokens needs, with ``in_flight`` tokens under way."""
        if self.kind == "state":
            return self.held
        if self.kind == "window":
            # One more, for a window need not begin where a block does.
            return math.ceil(min(self.window - 1 + in_flight, length) / self.tokens) + 1
        return math.ceil(length / self.tokens)


def pages_of(model: ModelConfig, flags: Flags, features: Sequence[str] = ()) -> list[Page]:
    """The pages of all layers on one device of each stage; ``features`` are those of a CPU."""
    element, cached = element_bytes(model, flags), cache_element_bytes(model, flags)
    parallel = flags.tensor_parallel_size
    states, attending = [], []
    for place, layer in enumerate(model.layers):
        for kept in layer:
            if isinstance(kept, State):
                recurrent = 4 if flags.cpu and "avx512_bf16" in features else DTYPES.get(kept.recurrent_dtype, element)
                states.append((place, kept, kept.state_bytes(parallel, element, recurrent)))
            else:
                attending.append((place, kept, kept.token_bytes(parallel, cached)))
    latent = any(isinstance(kept, Latent) for _place, kept, _size in attending)
    tokens = _block_size(flags, latent=latent, amx="amx_tile" in features)
    if states and attending:
        tokens = _aligned(tokens, max(size for _place, _kept, size in states), attending[0][2], flags, latent=latent)
    padded = tokens * attending[0][2] if attending else 0
    pages = [Page("state", place, padded or size, 0, held=kept.held, content=size) for place, kept, size in states] + [
        Page("window" if kept.window else "full", place, size * tokens, tokens, kept.window or 0, content=size * tokens)
        for place, kept, size in attending
    ]
    return _equal_in_size(sorted(pages, key=lambda page: page.layer))


def _block_size(flags: Flags, *, latent: bool, amx: bool) -> int:
    """Tokens of a block before states have their say."""
    if flags.cpu and latent and not amx:
        return LATENT_BLOCK  # whatever is asked for: its kernel knows no other
    return flags.block_size or (CPU_BLOCK if flags.cpu else GPU_BLOCK)


def _aligned(tokens: int, state: int, token: int, flags: Flags, *, latent: bool) -> int:
    """Tokens of a block that takes as many bytes as a state does, at least."""
    kernel = KERNEL_BLOCK[flags.cpu]
    step = max(kernel, tokens, HYBRID_LATENT_BLOCK if latent else 0)
    needed = step * math.ceil(state / (step * token))
    return max(tokens, kernel * math.ceil(needed / kernel))


def _equal_in_size(pages: list[Page]) -> list[Page]:
    """All pages as large as the largest, by more tokens or, where that does not come out even, by padding."""
    if len({page.uniform for page in pages}) <= 1:
        return pages
    largest = max(page.size for page in pages)
    return [
        page
        if page.size == largest
        else replace(page, size=largest, tokens=page.tokens * (largest // page.size), content=largest)
        if page.tokens and largest % page.size == 0
        else replace(page, size=largest)
        for page in pages
    ]
