# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service can be held to, by name. Also read by the plan, so it must stay free of everything but names."""

from __future__ import annotations

TEXT = ("completion", "chat", "stream", "logprobs", "context")
STRUCTURED = ("json_object", "json_schema", "regex", "choice", "grammar")
TOOLS = ("tools_named", "tools_required", "tools_auto", "tools_stream", "tools_parallel", "multi_turn_tools")
CAPABILITIES = (*TEXT, *STRUCTURED, *TOOLS, "embeddings")
