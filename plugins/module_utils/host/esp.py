# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this kernel can encrypt an overlay network: IPsec ESP with AES-GCM, which is what Docker asks it for.

Without it Docker creates the encrypted network all the same, and every packet between hosts is lost without a word.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

from ..local_command import Outcome, look

# The association that Docker's overlay driver makes, in a network namespace that ends with the command. Asking the
# kernel loads its modules, so it answers as it will later; its configuration only says what was compiled.
ASSOCIATION = (
    "unshare --net ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x100 mode transport "
    "aead rfc4106(gcm(aes)) 0x0102030405060708090a0b0c0d0e0f1011121314 64"
)


@dataclass(frozen=True)
class Esp:
    """What the kernel answered."""

    supported: bool | None  # None: it could not be asked
    reason: str


def probe_esp() -> Esp:
    """Ask the kernel for an ESP association in a namespace of its own."""
    return judge(look(*ASSOCIATION.split()), platform.release())


def judge(outcome: Outcome, kernel: str) -> Esp:
    """What the ``outcome`` of asking says about ``kernel``."""
    if outcome.status == 0:
        return Esp(True, f"kernel {kernel} has IPsec ESP with AES-GCM")
    if outcome.status in (124, 127) or "not permitted" in outcome.complaint or "failed to execute" in outcome.complaint:
        return Esp(None, f"kernel {kernel} could not be asked for IPsec ESP: {outcome.complaint}")
    answer = outcome.complaint.splitlines()[-1] if outcome.complaint else "it refused"
    answer = answer.replace("RTNETLINK answers: ", "").replace("Error: ", "").rstrip(".")
    return Esp(False, f"kernel {kernel} has no IPsec ESP with AES-GCM ({answer})")
