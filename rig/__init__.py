# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two virtual hosts on this machine's Docker, and stand-ins for the internet: the ground of demo and scenarios."""
