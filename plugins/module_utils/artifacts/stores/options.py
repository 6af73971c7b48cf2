# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of the modules' ``store`` option: one, as its documentation is (doc_fragments/store.py)."""

from __future__ import annotations

from typing import Any

STORE: dict[str, Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "bucket": {"type": "str", "required": True},
        "endpoint": {"type": "str"},
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "region": {"type": "str"},
        "ca": {"type": "str"},
        "addressing": {"type": "str", "choices": ["auto", "path", "virtual"]},
        "sse": {"type": "str", "choices": ["AES256", "aws:kms", "aws:kms:dsse"]},
        "sse_kms_key_id": {"type": "str", "no_log": False},
        "compression": {"type": "str", "choices": ["none", "zstd", "gzip"], "default": "none"},
    },
}
