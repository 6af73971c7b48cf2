# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the detection of vllm-gaudi's calibration: its exit status is the generation of the devices."""

from __future__ import annotations

import os
import sys

if os.environ.get("STANDIN_FAULT") == "no-device":
    raise RuntimeError("No HPU devices available")
sys.exit(int(os.environ.get("STANDIN_GENERATION", "2")))
