# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel would load a module: under Secure Boot only one that is signed with a key that it trusts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .machine import Machine

EFI = "sys/firmware/efi"
SECURE_BOOT = f"{EFI}/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
# Certificates of the machine's own key that dkms signs with: Ubuntu's, and dkms's.
CERTIFICATES = ("var/lib/shim-signed/mok/MOK.der", "var/lib/dkms/mok.pub")
UNTRUSTED = ("is not enrolled", "in the enrollment request")  # the latter waits for somebody at the console


def observe_secure_boot(machine: Machine, module: Mapping[str, str]) -> dict[str, Any]:
    """Secure Boot, and what it makes of ``module``, as modinfo describes it."""
    state = secure_boot(machine)
    return {
        "secure_boot": state,
        "module_signed": bool(module.get("signer")) if module else None,
        "unenrolled_key": _unenrolled_key(machine, module.get("signer", "")) if state else None,
    }


def secure_boot(machine: Machine) -> bool | None:
    """Whether only signed modules load; False where the machine did not boot by EFI, None where EFI does not say."""
    if not machine.exists(EFI):
        return False
    try:
        return (machine.root / SECURE_BOOT).read_bytes()[-1:] == b"\x01"
    except OSError:
        return None


def _unenrolled_key(machine: Machine, signer: str) -> str | None:
    """The certificate of ``signer`` where it is the machine's own and the firmware does not trust it."""
    for path in CERTIFICATES if signer else ():
        place = machine.root / path
        if place.is_file() and signer.encode() in place.read_bytes():  # the name is in it as plain text
            told = machine.run("mokutil", "--test-key", f"/{path}").output
            return f"/{path}" if any(words in told for words in UNTRUSTED) else None
    return None
