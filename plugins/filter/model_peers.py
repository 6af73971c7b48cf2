# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host takes a model from the store, and which from another host."""

from __future__ import annotations

DOCUMENTATION = r"""
name: model_peers
short_description: Share out which host takes a model from the store, and which from another host
description:
  - A model that no host has is taken from the store by one of those that lack it, and by the others from that one.
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
options:
  _input:
    description: By host, what M(inference.fleet.model_fetch) returned there in check mode.
    type: dict
    required: true
"""

EXAMPLES = r"""
share_out: "{{ {'gpu-a': seen_on_a, 'gpu-b': seen_on_b} | inference.fleet.model_peers }}"
"""

RETURN = r"""
_value:
  description:
    - By host, C(seed) (models to take from the store), C(rest) (models to take from others) and C(shares) (whether it
      has something that others lack).
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ..module_utils.artifacts.peers import share_out


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"model_peers": share_out}
