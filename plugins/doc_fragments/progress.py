# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of modules that say how far they are."""

from __future__ import annotations


class ModuleDocFragment:
    """See ``extends_documentation_fragment`` in the modules."""

    DOCUMENTATION = r"""
options:
  progress_file:
    description:
      - File to report to while the module runs, as JSON, for another process to read; it goes when the module ends.
      - A terminal shows it without this option, a line every few seconds.
    type: path
"""
