# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service is held to where its description does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..serving.contract.capabilities import STRUCTURED, TEXT, TOOLS
from .limits import FAMILY_LIMITS

# Many models cannot, and no flag tells which can.
ONLY_IF_ASKED = ("tools_parallel",)


def contract_of(service: Mapping[str, Any], family: str) -> list[str]:
    """The capabilities of ``service`` (the keys of schema.SERVICE), as its description names them, or by default what
    its flags and the ``family`` of its model let expect.
    """
    if service["contract"] is not None:
        return list(service["contract"])
    limit = FAMILY_LIMITS.get(family)
    tools = TOOLS if service["tool_call_parser"] else ()
    beyond = {*ONLY_IF_ASKED, *(limit.beyond if limit else ())}
    return [capability for capability in (*TEXT, *STRUCTURED, *tools) if capability not in beyond]
