# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub that speaks the part of Hugging Face's HTTP API that downloads need, from a folder of repositories.

``python -m rig.standins.hub --root DIR --port 8080 [--gated ORG/NAME --token TOKEN] [--lfs-url http://other-name:8080]``
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from .repositories import CHUNK, File, Repositories, Repository

REPO = r"(?P<repo>[^/]+/[^/]+)"
INFO = re.compile(rf"/api/models/{REPO}(/revision/(?P<revision>.+))?")
TREE = re.compile(rf"/api/models/{REPO}/tree/(?P<revision>[^/]+)(/(?P<path>.+?))?/?")
REFS = re.compile(rf"/api/models/{REPO}/refs")
PATHS = re.compile(rf"/api/models/{REPO}/paths-info/(?P<revision>[^/]+)")
RESOLVE = re.compile(rf"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
STORAGE = re.compile(rf"/lfs/{REPO}/(?P<revision>[^/]+)/(?P<path>.+)")
PAGE = 1000  # entries of a tree in one answer


class RefusedError(Exception):
    """Anything but what was asked for."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Hub(ThreadingHTTPServer):
    """The hub's server; ``gated`` repositories ask for ``token``, and large files are redirected to ``lfs_url``."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], root: Path, gated: Iterable[str] = (), token: str = "", lfs_url: str = ""
    ) -> None:
        super().__init__(address, Handler)
        self.repositories = Repositories(root)
        self.gated = frozenset(gated)
        self.token = token
        self.lfs_url = lfs_url


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        """Information, listings and files."""
        self._answer(b"")

    def do_HEAD(self) -> None:
        """The same without a body."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Information on the paths in the body."""
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: requests are many."""

    def _answer(self, body: bytes) -> None:
        target = urlsplit(self.path)
        path, query = unquote(target.path), parse_qs(target.query)
        try:
            self._route(path, query, body)
        except RefusedError as refused:
            payload = json.dumps({"error": str(refused)}).encode()
            self._start(refused.status, len(payload), {"X-Error-Code": refused.code, "X-Error-Message": str(refused)})
            self._write(payload)

    def _route(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        if match := REFS.fullmatch(path):
            commit = self._repository(match["repo"]).commit
            branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": commit}
            self._json({"branches": [branch], "tags": [], "converts": []})
        elif match := TREE.fullmatch(path):
            self._tree(self._repository(match["repo"], match["revision"]), match["path"] or "", query)
        elif match := PATHS.fullmatch(path):
            files = self._repository(match["repo"], match["revision"]).files
            self._json([file.as_entry() for file in files if file.path in _asked_paths(body)])
        elif match := INFO.fullmatch(path):
            repository = self._repository(match["repo"], match["revision"] or "main", gate=False)
            self._json(_information(repository, gated=repository.id in self.server.gated))
        elif match := RESOLVE.fullmatch(path):
            repository = self._repository(match["repo"], match["revision"])
            self._resolve(repository, _file(repository, match["path"]))
        elif match := STORAGE.fullmatch(path):
            repository = self._repository(match["repo"], match["revision"], gate=False)
            self._content(_file(repository, match["path"]), {})
        else:
            raise RefusedError(HTTPStatus.NOT_FOUND, "NotFound", "Sorry, we can't find the page you are looking for.")

    def _repository(self, repo_id: str, revision: str = "main", gate: bool = True) -> Repository:
        if self.server.repositories.find(repo_id) is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "RepoNotFound", "Repository not found")
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if gate and repo_id in self.server.gated and (not self.server.token or sent != self.server.token):
            status = HTTPStatus.FORBIDDEN if sent else HTTPStatus.UNAUTHORIZED
            raise RefusedError(status, "GatedRepo", f"Access to model {repo_id} is restricted. Please log in.")
        repository = self.server.repositories.at(repo_id, revision)
        if repository is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repository

    def _tree(self, repository: Repository, folder: str, query: dict[str, list[str]]) -> None:
        entries = repository.entries(folder, query.get("recursive", [""])[0].lower() in ("1", "true"))
        if folder and not entries:
            raise RefusedError(HTTPStatus.NOT_FOUND, "EntryNotFound", f"{folder} does not exist on main")
        limit = int(query.get("limit", [str(PAGE)])[0])
        begin = int(query.get("cursor", ["0"])[0])
        headers = {}
        if begin + limit < len(entries):
            kept = "&".join(f"{key}={quote(values[0])}" for key, values in query.items() if key != "cursor")
            host = self.headers["Host"]
            headers["Link"] = f'<http://{host}{urlsplit(self.path).path}?{kept}&cursor={begin + limit}>; rel="next"'
        self._json(entries[begin : begin + limit], headers)

    def _resolve(self, repository: Repository, file: File) -> None:
        headers = {"X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if file.sha256:
            headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
        if file.sha256 and self.server.lfs_url:
            location = f"{self.server.lfs_url}/lfs/{repository.id}/{repository.commit}/{quote(file.path)}"
            self._start(HTTPStatus.FOUND, 0, {**headers, "ETag": f'"{file.git_oid}"', "Location": location})
        else:
            self._content(file, headers)

    def _content(self, file: File, headers: dict[str, str]) -> None:
        headers = {**headers, "ETag": f'"{file.etag}"', "Content-Type": "application/octet-stream"}
        begin, end = _span(self.headers.get("Range"), file.size)
        if begin == 0 and end == file.size and "Range" not in self.headers:
            self._start(HTTPStatus.OK, file.size, headers)
        else:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{file.size}"
            self._start(HTTPStatus.PARTIAL_CONTENT, end - begin, headers)
        if self.command == "HEAD":
            return
        with file.source.open("rb") as source:
            source.seek(begin)
            while begin < end and (chunk := source.read(min(CHUNK, end - begin))):
                self.wfile.write(chunk)
                begin += len(chunk)

    def _json(self, answer: Any, headers: dict[str, str] | None = None) -> None:
        payload = json.dumps(answer).encode()
        self._start(HTTPStatus.OK, len(payload), {"Content-Type": "application/json", **(headers or {})})
        self._write(payload)

    def _start(self, status: HTTPStatus, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, payload: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(payload)


def _file(repository: Repository, path: str) -> File:
    file = repository.file(path)
    if file is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "EntryNotFound", f"{path} does not exist on main")
    return file


def _information(repository: Repository, gated: bool) -> dict[str, Any]:
    return {
        "_id": repository.commit[:24],
        "id": repository.id,
        "modelId": repository.id,
        "sha": repository.commit,
        "private": False,
        "disabled": False,
        "gated": "manual" if gated else False,
        "tags": ["safetensors", "text-generation"],
        "siblings": [file.as_sibling() for file in repository.files],
        "usedStorage": sum(file.size for file in repository.files),
    }


def _span(header: str | None, size: int) -> tuple[int, int]:
    """First byte and the one after the last that a Range header asks for."""
    if not header:
        return 0, size
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    first, last = (match[1], match[2]) if match else ("", "")
    begin = int(first) if first else max(0, size - int(last or 0))
    end = min(size, int(last) + 1) if first and last else size
    if not (first or last) or begin >= end:
        raise RefusedError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "InvalidRange", f"{header} of {size} bytes")
    return begin, end


def _asked_paths(body: bytes) -> list[str]:
    """The client sends a form, or JSON."""
    text = body.decode("utf-8", "replace")
    asked: list[str] = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text).get("paths", [])
    return asked


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A hub that serves the repositories in a folder.")
    parser.add_argument("--root", type=Path, required=True, help="holds ORG/NAME/files")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--gated", action="append", default=[], metavar="ORG/NAME", help="asks for the token")
    parser.add_argument("--token", default="", help="opens the gated repositories")
    parser.add_argument("--lfs-url", default="", help="this server by another host name, for large files")
    options = parser.parse_args()
    hub = Hub((options.host, options.port), options.root, options.gated, options.token, options.lfs_url)
    print(f"hub on http://{options.host}:{hub.server_address[1]}", flush=True)
    hub.serve_forever()


if __name__ == "__main__":
    main()
