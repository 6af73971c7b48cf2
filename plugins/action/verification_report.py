# Copyright: (c) 2026, the inference.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing the report of a verification, on the controller."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.errors import FleetError
from ..plugin_utils.report.files import PAGE, read_file, report, write_file

ARGUMENTS = {"folder": {"type": "path", "required": True}, "results": {"type": "dict", "required": True}}
PATHS = {"html": "report.html", "json": "report.json", "junit": "junit.xml"}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible ships no types
    """Has no counterpart on hosts: its templates lie beside the code."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(ARGUMENTS)
        folder = Path(self._loader.path_dwim(arguments["folder"]))
        try:
            said, texts = report(arguments["results"])
            before = {name: read_file(folder / name) for name in texts}
            changed = [name for name, text in texts.items() if text != before[name]]
            if not self._task.check_mode:
                for name in changed:
                    write_file(folder / name, texts[name])
        except FleetError as error:
            raise AnsibleActionFail(str(error)) from error
        paths = {key: str(folder / name) for key, name in PATHS.items()}
        result = {"changed": bool(changed), "paths": paths, **said}
        if self._task.diff:
            result["diff"] = [_difference(folder / name, before[name], texts[name]) for name in changed]
        return result


def _difference(path: Path, before: str | None, after: str) -> dict[str, str]:
    """What a person reads of it; of the page, which says what the data says, that it differs."""
    shown = _fingerprint if path.name == PAGE else str
    return {
        "before_header": str(path),
        "after_header": str(path),
        "before": "" if before is None else shown(before),
        "after": shown(after),
    }


def _fingerprint(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}\n"
