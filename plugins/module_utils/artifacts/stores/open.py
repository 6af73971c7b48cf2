# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kind of store the settings mean."""

from __future__ import annotations

from .base import Settings, Store
from .directory import DirectoryStore
from .s3 import S3Store


def open_store(settings: Settings) -> Store:
    return DirectoryStore(settings) if settings.endpoint.startswith("file:") else S3Store(settings)
