# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What vllm_fit found, in the units of people."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fit_rows
short_description: What vllm_fit found, as rows of a table
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
description:
  - One row for each service, with what its weights take on each device, what each token takes there, the context that
    it is given and the longest that would fit, and how many requests of that context fit at a time.
  - What is not known is empty.
options:
  _input:
    description: The C(services) that M(inference.fleet.vllm_fit) returned.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what fits
  ansible.builtin.debug:
    msg: "{{ fit.services | inference.fleet.fit_rows | inference.fleet.text_table }}"
"""

RETURN = r"""
_value:
  description: Rows for P(inference.fleet.text_table#filter).
  type: list
  elements: dict
  sample:
    - instance: vllm-0-hermes-gpu-a
      fits: "yes"
      weights: 15.0 GiB
      per token: 128.0 KiB
      context: 131,072
      longest: 131,072
      at a time: "3.19"
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..module_utils.sizes import unit_of


def fit_rows(services: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """One row for each of ``services``."""
    return [_row(service) for service in services]


def _row(service: Mapping[str, Any]) -> dict[str, str]:
    weights = max((device["weights"] for device in service.get("devices", [])), default=0)
    concurrency = service.get("concurrency")
    return {
        "instance": service["name"],
        "fits": service["fits"],
        "weights": _size(weights),
        "per token": _size(service.get("kv_bytes_per_token")),
        "context": _number(service.get("max_model_len")),
        "longest": _number(service.get("largest_max_model_len")),
        "at a time": "" if concurrency is None else f"{concurrency:.2f}",
    }


def _size(amount: int | None) -> str:
    return unit_of(amount).text(amount) if amount else ""


def _number(amount: int | None) -> str:
    return f"{amount:,}" if amount else ""


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Ansible asks for it."""
        return {"fit_rows": fit_rows}
