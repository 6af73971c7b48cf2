# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends that brings models somewhere, each of them for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import FleetError
from .publish import Publication
from .snapshot import Snapshot

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def end(
    module: AnsibleModule,
    found: Sequence[Publication | Snapshot],
    errors: Sequence[FleetError],
    appeared: Sequence[str],
) -> None:
    """With the models ``found``, what ``appeared`` as the diff; as a failure where there are ``errors``."""
    result = {
        "changed": bool(appeared),
        "models": [asdict(model) for model in found],
        "diff": {"before": "", "after": "".join(f"{line}\n" for line in appeared)},
    }
    if errors:
        module.fail_json(msg="\n".join(str(error) for error in errors), **result)
    module.exit_json(**result)
