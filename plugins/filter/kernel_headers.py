# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which headers a host needs for modules that are built on it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kernel_headers
positional: running
short_description: Name the packages of kernel headers that a host needs
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
description:
  - Names the packages with the headers of the running kernel, and of those that may be booted next. Kernels that are
    older than the running one are left out.
options:
  _input:
    description: Names of the packages that are installed; those of kernels count.
    type: list
    elements: str
    required: true
  running:
    description: Release of the running kernel.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say which headers are needed
  ansible.builtin.debug:
    msg: "{{ ['linux-image-6.1.0-50-amd64', 'linux-image-amd64'] | inference.fleet.kernel_headers('6.1.0-47-amd64') }}"
"""

RETURN = r"""
_value:
  description: Names of packages.
  type: list
  elements: str
  sample: [linux-headers-6.1.0-47-amd64, linux-headers-6.1.0-50-amd64, linux-headers-amd64]
"""

from typing import Any

from ..module_utils.host.kernel_headers import headers_wanted


class FilterModule:
    """Filters of the collection."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {"kernel_headers": headers_wanted}
