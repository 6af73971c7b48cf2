# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for get-pip.py: the pip that Python ships, and with it the version that ansible-test asks for."""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys

ensurepip.bootstrap()
environment = {name: value for name, value in os.environ.items() if name != "PIP_CONFIG_FILE"}  # ensurepip sets it
wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *wanted], env=environment))
