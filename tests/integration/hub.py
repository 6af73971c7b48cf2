# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub on loopback that speaks as much of Hugging Face's HTTP API as huggingface_hub needs, and fails on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LFS = (".safetensors", ".bin", ".gguf")


@dataclass
class Repository:
    commits: dict[str, dict[str, bytes]]  # commit -> path -> content
    refs: dict[str, str] = field(default_factory=dict)
    token: str = ""  # gated, where one is needed
    damage: Callable[[str, bytes], bytes] | None = None

    def commit(self, revision: str) -> str | None:
        commit = self.refs.get(revision, revision)
        return commit if commit in self.commits else None


def blob_id(path: str, content: bytes) -> str:
    if path.endswith(LFS):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class Hub:
    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET  # noqa: N815  (http.server's name)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(request.path).path)
        self.requests.append(f"{request.command} {path}")
        api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models" if api else "").strip("/").split("/")
        repository = self.repositories.get("/".join(parts[:2]))
        if repository is None:
            return self._refuse(request, 404, "RepoNotFound")
        verb, revision = parts[2], parts[3]
        if not api and repository.token and request.headers.get("Authorization") != f"Bearer {repository.token}":
            return self._refuse(request, 401, "GatedRepo")
        commit = repository.commit(revision)
        if commit is None:
            return self._refuse(request, 404, "RevisionNotFound")
        files = repository.commits[commit]
        if verb == "revision":
            return self._json(request, {"id": "/".join(parts[:2]), "sha": commit, "siblings": []})
        if verb == "tree":
            return self._json(request, [self._entry(name, content) for name, content in files.items()])
        name = "/".join(parts[4:])
        return self._file(request, commit, name, files[name], repository)

    @staticmethod
    def _entry(path: str, content: bytes) -> dict[str, object]:
        entry: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": blob_id(path, content)}
        if path.endswith(LFS):
            entry["oid"] = "0" * 40
            entry["lfs"] = {"oid": blob_id(path, content), "size": len(content), "pointerSize": 130}
        return entry

    def _file(
        self, request: BaseHTTPRequestHandler, commit: str, path: str, content: bytes, repository: Repository
    ) -> None:
        etag = f'"{blob_id(path, content)}"'
        headers = {"ETag": etag, "X-Linked-Etag": etag, "X-Linked-Size": str(len(content)), "X-Repo-Commit": commit}
        self._send(request, 200, repository.damage(path, content) if repository.damage else content, headers)

    def _json(self, request: BaseHTTPRequestHandler, body: object) -> None:
        self._send(request, 200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _refuse(self, request: BaseHTTPRequestHandler, status: int, code: str) -> None:
        self._send(request, status, b"{}", {"X-Error-Code": code})

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)
