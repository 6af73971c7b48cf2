# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes ``ansible_collections.inference.fleet`` and ``rig`` importable from a checkout, as Ansible itself sees them."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

REPOSITORY = Path(__file__).parents[1]
sys.path[:0] = [str(REPOSITORY / "collections"), str(REPOSITORY)]
init_plugin_loader([str(REPOSITORY / "collections")])
