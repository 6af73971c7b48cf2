# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet's own certificate authority, and the registry's certificate from it."""

from __future__ import annotations

from pathlib import Path

from .shell import need, run

DAYS = "825"


def ensure_certificate(folder: Path, address: str) -> Path:
    """``registry.crt`` and ``registry.key`` in ``folder`` for ``address``, and the authority's certificate, returned."""
    authority = folder / "ca.crt"
    if not (folder / "registry.crt").exists():
        need({"openssl": "openssl"})
        folder.mkdir(mode=0o700, exist_ok=True)
        elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", DAYS]
        run(["openssl", "req", "-x509", *elliptic, "-subj", "/CN=inference.fleet rig", "-keyout", str(folder / "ca.key"),
             "-out", str(authority), "-addext", "keyUsage=critical,keyCertSign,cRLSign"])  # fmt: skip
        run(["openssl", "req", "-x509", *elliptic, "-subj", f"/CN={address}", "-keyout", str(folder / "registry.key"),
             "-out", str(folder / "registry.crt"), "-CA", str(authority), "-CAkey", str(folder / "ca.key"),
             "-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE"])  # fmt: skip
    return authority
