# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub that models come from: what a revision consists of, and its files in pieces, over Hugging Face's HTTP API."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from ..errors import FleetError
from .artifact import COMMIT, Artifact
from .layout import RemoteFile
from .manifest import BLOB
from .transfer.http import TRIES, Answer, Client, HttpError, UnreachableError

DEFAULT_URL = "https://huggingface.co"
TOKEN_VARIABLE = "model_store_hub_token"  # noqa: S105  (its name, not its value)
REDIRECTS = 5
NEXT_PAGE = re.compile(r'<([^>]+)>\s*;\s*rel="next"')


@dataclass(frozen=True)
class Revision:
    commit: str
    files: tuple[RemoteFile, ...]


class Hub:
    """A hub at ``url`` (empty: DEFAULT_URL). ``token`` goes to that host and to no other that it redirects to.

    ``tries`` in a row that bring nothing are made before it gives up.
    """

    def __init__(self, url: str, token: str, ca: str = "", tries: int = TRIES) -> None:
        self._url = url.rstrip("/") or DEFAULT_URL
        self._token = token
        self._client = Client(ca, tries)
        self._locations: dict[str, str] = {}  # where files are redirected to, by their URL here

    def resolve(self, artifact: Artifact) -> str:
        """The commit that the artifact's revision stands for now."""
        with self._explained(artifact):
            revision = quote(artifact.revision, safe="")
            commit = str(_json(self._follow(f"{self._url}/api/models/{artifact.hub_id}/revision/{revision}"))["sha"])
            if not COMMIT.fullmatch(commit):
                raise ValueError(f"it calls {commit!r} a commit")
            return commit

    def revision(self, artifact: Artifact, commit: str) -> Revision:
        """All files of the repository at ``commit``, their content known to be readable with this token."""
        with self._explained(artifact):
            page: str | None = f"{self._url}/api/models/{artifact.hub_id}/tree/{commit}?recursive=true"
            files: list[RemoteFile] = []
            while page:
                answer = self._follow(page)
                files += (_file(entry) for entry in _json(answer) if entry["type"] == "file")
                following = NEXT_PAGE.search(answer.headers.get("link", ""))
                page = urljoin(page, following[1]) if following else None
            if files:  # a gated repository lists its files to everybody
                self._follow(self._content_url(artifact, commit, files[0].path), method="HEAD", redirected=False)
            return Revision(commit, tuple(files))

    def reader(self, artifact: Artifact, commit: str) -> Callable[[RemoteFile, int, memoryview], None]:
        """A function that fills a view with a file's content from a byte on."""
        return lambda file, start, view: self._read_into(artifact, commit, file.path, start, view)

    def _read_into(self, artifact: Artifact, commit: str, path: str, start: int, view: memoryview) -> None:
        url = self._content_url(artifact, commit, path)
        with self._explained(artifact):
            for _redirect in range(REDIRECTS):
                place = self._locations.get(url, url)
                try:
                    return self._client.read_into(place, start, view, self._headers(place))
                except HttpError as error:
                    if 300 <= error.status < 400:
                        self._locations[url] = urljoin(place, error.answer.headers["location"])
                    elif place != url and error.status in (401, 403, 404, 410):
                        self._locations.pop(url, None)  # such addresses expire: ask for another
                    else:
                        raise
            raise ValueError(f"{path} is redirected on and on")

    def _follow(self, url: str, *, method: str = "GET", redirected: bool = True) -> Answer:
        for _redirect in range(REDIRECTS):
            answer = self._client.get(url, self._headers(url), method=method)
            elsewhere = urljoin(url, answer.headers.get("location", ""))
            if answer.status < 300 or not (redirected or self._is_here(elsewhere)):
                return answer
            url = elsewhere
        raise ValueError(f"{url} is redirected on and on")

    def _content_url(self, artifact: Artifact, commit: str, path: str) -> str:
        return f"{self._url}/{artifact.hub_id}/resolve/{commit}/{quote(path)}"

    def _headers(self, url: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token and self._is_here(url) else {}

    def _is_here(self, url: str) -> bool:
        here, there = urlsplit(self._url), urlsplit(url)
        return (here.scheme, here.netloc) == (there.scheme, there.netloc)

    @contextmanager
    def _explained(self, artifact: Artifact) -> Iterator[None]:
        attempted = f"Failed to read {artifact.label} from {self._url}"
        try:
            yield
        except HttpError as error:
            raise FleetError(attempted, *self._refusal(error, artifact)) from error
        except UnreachableError as error:
            raise FleetError(attempted, str(error.reason), _unreachable(error)) from error
        except (KeyError, TypeError, ValueError) as error:
            raise FleetError(
                attempted, f"its answer is not a hub's ({error})", "Correct model_store_hub_url."
            ) from error

    def _refusal(self, error: HttpError, artifact: Artifact) -> tuple[str, str]:
        """Cause and next step."""
        code = error.answer.headers.get("x-error-code", "")
        if code == "RevisionNotFound":
            return f"it has no revision {artifact.revision}", "Correct revision of the model in the description."
        if code == "GatedRepo" or error.status in (401, 403):
            refused = f"HTTP {error.status}, the repository is gated, private or does not exist"
            if self._token:
                step = f"Is its licence accepted by the account that {TOKEN_VARIABLE} belongs to, and the token valid?"
            else:
                step = f"Accept its licence on the hub and set {TOKEN_VARIABLE}."
            return refused, step
        if error.status == 404:
            return "HTTP 404, no such repository or revision", "Correct repo_id or revision in the description."
        return f"{error.where} answers HTTP {error.status}", "Run again later; what was transferred is kept."


def _file(entry: Mapping[str, Any]) -> RemoteFile:
    large = entry.get("lfs")
    file = RemoteFile(str(entry["path"]), str(large["oid"] if large else entry["oid"]), int(entry["size"]))
    if not BLOB.fullmatch(file.blob):
        raise ValueError(f"{file.path} has no valid hash")
    return file


def _json(answer: Answer) -> Any:
    return json.loads(answer.body)


def _unreachable(error: UnreachableError) -> str:
    if isinstance(error.reason, ssl.SSLCertVerificationError):
        return "Set model_store_hub_ca to the certificates of the hub's authority."
    return "Is model_store_hub_url right, and can the publisher reach it? What was transferred is kept."
