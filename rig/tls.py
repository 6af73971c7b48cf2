# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet's own certificate authority, and the registry's certificate from it."""

from __future__ import annotations

from pathlib import Path

from .shell import need, run

NEW_KEY = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "825"]


def ensure_certificate(folder: Path, address: str) -> Path:
    """The authority's certificate; beside it in ``folder``, ``registry.crt`` and ``registry.key`` for ``address``."""
    if not (folder / "registry.crt").exists():
        need({"openssl": "openssl"})
        folder.mkdir(mode=0o700, exist_ok=True)
        authority = ["-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")]
        _issue(folder / "ca", "inference.fleet rig", "keyUsage=critical,keyCertSign,cRLSign")
        _issue(folder / "registry", address, f"subjectAltName=IP:{address}", "basicConstraints=CA:FALSE", by=authority)
    return folder / "ca.crt"


def _issue(path: Path, name: str, *extensions: str, by: list[str] | None = None) -> None:
    files = ["-keyout", f"{path}.key", "-out", f"{path}.crt"]
    added = [word for extension in extensions for word in ("-addext", extension)]
    run(["openssl", *NEW_KEY, "-subj", f"/CN={name}", *files, *added, *(by or [])])
