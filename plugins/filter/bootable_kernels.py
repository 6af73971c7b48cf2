# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernels a host needs modules for."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bootable_kernels
positional: running
short_description: Name the kernels that a host needs modules for
version_added: 1.0.0
author: The inference.fleet contributors (@inference-fleet)
description:
  - Names the running kernel, and those that may be booted next, as the names of their packages end. A metapackage
    stands for kernels to come. Kernels that are older than the running one are left out.
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
    msg: "{{ kernels | map('regex_replace', '^', 'linux-headers-') }}"
  vars:
    packages: [linux-image-6.1.0-50-amd64, linux-image-amd64]
    kernels: "{{ packages | inference.fleet.bootable_kernels('6.1.0-47-amd64') }}"
"""

RETURN = r"""
_value:
  description: Releases of kernels, and flavours whose newest is meant.
  type: list
  elements: str
  sample: [6.1.0-47-amd64, 6.1.0-50-amd64, amd64]
"""

from typing import Any

from ..module_utils.host.kernel_headers import bootable_kernels


class FilterModule:
    """Filters of the collection."""

    def filters(self) -> dict[str, Any]:
        """Name to function."""
        return {"bootable_kernels": bootable_kernels}
