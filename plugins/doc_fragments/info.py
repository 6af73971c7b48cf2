# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules that only read have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """See ``extends_documentation_fragment`` in the modules."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: N/A
    description: Changes nothing.
"""

    VIA = r"""
options:
  via:
    description:
      - Name of a container on this host in whose network the requests are made; it must have a C(python3).
      - Where omitted, they are made from where the module runs.
    type: str
    default: ""
"""
