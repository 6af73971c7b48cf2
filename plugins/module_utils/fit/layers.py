# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a layer of a model keeps of the tokens that it has seen, and how many bytes that is on one of the devices that
share the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True)
class Attention:
    """A key and a value for each token, or for the last ``window`` tokens, per head."""

    kv_heads: int
    key_dim: int
    value_dim: int
    window: int | None = None

    def token_bytes(self, tensor_parallel: int, element: int) -> int:
        """Of one token on one device; where there are more devices than heads, each keeps one head."""
        return max(1, self.kv_heads // tensor_parallel) * (self.key_dim + self.value_dim) * element


@dataclass(frozen=True)
class Latent:
    """One compressed vector for each token (MLA): every device keeps all of it."""

    dim: int
    window: int | None = None

    def token_bytes(self, tensor_parallel: int, element: int) -> int:  # noqa: ARG002  (as for Attention)
        """Of one token on one device."""
        return self.dim * element


@dataclass(frozen=True)
class State:
    """A state of fixed size (Mamba, linear attention, short convolutions), however many tokens there were.

    ``convolved`` channels are kept for ``kernel - 1`` tokens. Of these, what belongs to ``groups`` (``group_width``
    channels each) is repeated where the groups do not divide among the devices.
    """

    convolved: int
    kernel: int
    recurrent: int = 0  # elements
    groups: int = 0
    group_width: int = 0
    recurrent_dtype: str = ""  # the model's own where empty
    held: int = 2  # blocks that one request holds, so that prefixes can be kept

    def state_bytes(self, tensor_parallel: int, element: int, recurrent_element: int) -> int:
        """On one device."""
        repeated = tensor_parallel - self.groups if self.groups % tensor_parallel else 0
        channels = self.convolved + repeated * self.group_width
        return (
            channels // tensor_parallel * (self.kernel - 1) * element
            + self.recurrent // tensor_parallel * recurrent_element
        )


Kept = Union[Attention, Latent, State]
Layer = tuple[Kept, ...]  # most layers keep one thing, some none, some two
