# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The S3 store that models are published to. Runs on the publisher only: nobody else holds its credentials."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from ..errors import FleetError
from .artifact import Artifact, manifest_key
from .hub import missing_library
from .manifest import Manifest, parse_manifest

MIN_PART = 16 * 1024 * 1024  # bytes
MAX_PARTS = 9000  # S3 allows 10,000
UPLOADS = 4  # parts at a time
CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 60  # seconds
ABSENT = ("404", "NoSuchKey", "NotFound")

NEXT_STEPS = {
    "NoSuchBucket": "Create the bucket, or correct model_store_s3_bucket.",
    "InvalidAccessKeyId": "Check model_store_s3_access_key.",
    "SignatureDoesNotMatch": "Check model_store_s3_secret_key and model_store_s3_region.",
    "RequestTimeTooSkewed": "Set the publisher's clock.",
    "ExpiredToken": "Renew the store's credentials.",
}
REFUSED = "May model_store_s3_access_key list, read and write model_store_s3_bucket?"


@dataclass(frozen=True)
class Settings:
    bucket: str
    endpoint: str = ""  # empty: AWS
    access_key: str = ""  # empty: what boto3 finds on the publisher
    secret_key: str = ""
    region: str = ""
    ca: str = ""  # certificates in PEM form; empty: the publisher's own

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        return cls(**{key: value or "" for key, value in options.items()})


class Store:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ca = _ca_file(settings.ca)  # lives as long as the store
        self._boto3, self._errors = _libraries()
        self._client = self._boto3.session.Session().client(
            "s3",
            endpoint_url=settings.endpoint or None,
            aws_access_key_id=settings.access_key or None,
            aws_secret_access_key=settings.secret_key or None,
            region_name=settings.region or "us-east-1",
            verify=self._ca.name if self._ca else None,
            config=_config(),
        )

    @property
    def ca(self) -> str:
        return self._settings.ca

    def url(self, key: str) -> str:
        """How messages name an object."""
        return f"s3://{self._settings.bucket}/{key}"

    def published(self, artifact: Artifact, commit: str) -> Manifest | None:
        """The manifest of the artifact; None where it is not, not completely, or as another selection in the store."""
        key = artifact.key(commit)
        body = self._read_json(manifest_key(key))
        if body is None:
            return None
        manifest = parse_manifest(body, self.url(manifest_key(key)))
        if manifest.commit != commit or manifest.selection != artifact.selection:
            return None
        return manifest if self._size(key) == manifest.tar_size else None

    def commit_of(self, artifact: Artifact) -> str | None:
        """The commit that a branch or tag was last published at."""
        if artifact.pinned:
            return artifact.revision
        body = self._read_json(artifact.ref_key())
        return str(body["commit"]) if isinstance(body, dict) and "commit" in body else None

    def put_tar(self, key: str, stream: BinaryIO, size: int) -> None:
        part = max(MIN_PART, -(-size // MAX_PARTS))
        transfer = self._boto3.s3.transfer.TransferConfig(
            multipart_threshold=part, multipart_chunksize=part, max_concurrency=UPLOADS
        )
        with self._explained("write", key):
            self._client.upload_fileobj(stream, self._settings.bucket, key, Config=transfer)
        written = self._size(key)
        if written != size:
            raise FleetError(
                f"Failed to write {self.url(key)}", f"the store has {written} bytes of {size} sent", "Run again."
            )

    def put_manifest(self, key: str, manifest: Manifest) -> None:
        self._put(manifest_key(key), manifest.dumps())

    def put_ref(self, artifact: Artifact, commit: str) -> None:
        self._put(artifact.ref_key(), json.dumps({"repo_id": artifact.repo_id, "commit": commit}) + "\n")

    def presigned(self, key: str, seconds: int) -> str:
        """An URL that reads ``key`` without credentials for that long; made here, the store is not asked."""
        with self._explained("presign", key):
            return str(
                self._client.generate_presigned_url(
                    "get_object", Params={"Bucket": self._settings.bucket, "Key": key}, ExpiresIn=seconds
                )
            )

    def _put(self, key: str, body: str) -> None:
        with self._explained("write", key):
            self._client.put_object(
                Bucket=self._settings.bucket, Key=key, Body=body.encode(), ContentType="application/json"
            )

    def _read_json(self, key: str) -> Any:
        with self._explained("read", key):
            try:
                body = self._client.get_object(Bucket=self._settings.bucket, Key=key)["Body"].read()
            except self._errors.ClientError as error:
                if _code(error) in ABSENT:
                    return None
                raise
        try:
            return json.loads(body)
        except ValueError:
            return {}

    def _size(self, key: str) -> int | None:
        with self._explained("read", key):
            try:
                return int(self._client.head_object(Bucket=self._settings.bucket, Key=key)["ContentLength"])
            except self._errors.ClientError as error:
                if _code(error) in ABSENT:
                    return None
                raise

    @contextmanager
    def _explained(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except FleetError:
            raise
        except Exception as error:
            endpoint = self._settings.endpoint or "AWS"
            attempted = f"Failed to {verb} {self.url(key)} at {endpoint}"
            raise FleetError(attempted, *self._cause(error)) from error

    def _cause(self, error: BaseException) -> tuple[str, str]:
        """Cause and next step, from whatever boto3 raised."""
        while not isinstance(error, self._errors.ClientError) and isinstance(error.__cause__, self._errors.ClientError):
            error = error.__cause__
        if isinstance(error, self._errors.ClientError):
            code = _code(error)
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
            said = error.response.get("Error", {}).get("Message", "")
            cause = f"HTTP {status} {code}" if code != str(status) else f"HTTP {status}"
            step = NEXT_STEPS.get(code) or (REFUSED if status in (401, 403) else "Run again later.")
            return f"{cause}, {said}" if said else cause, step
        if isinstance(error, self._errors.NoCredentialsError):
            return "there are no credentials", "Set model_store_s3_access_key and model_store_s3_secret_key."
        if isinstance(error, self._errors.SSLError):
            return str(error), "Set model_store_s3_ca to the certificates of the store's authority."
        if isinstance(error, self._errors.ParamValidationError):
            return f"{self._settings.bucket!r} cannot be the name of a bucket", "Correct model_store_s3_bucket."
        if isinstance(error, ValueError):
            return str(error), "Correct model_store_s3_endpoint."
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return said, "Is model_store_s3_endpoint right, and can the publisher reach it?"


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _ca_file(pem: str) -> Any:
    if not pem:
        return None
    file = tempfile.NamedTemporaryFile("w", suffix=".pem")  # noqa: SIM115  (outlives this function)
    file.write(pem)
    file.flush()
    return file


def _config() -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "max_attempts": 3},
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=2 * UPLOADS,
    )


def _libraries() -> tuple[Any, Any]:
    try:
        import boto3
        import boto3.s3.transfer
        import botocore.exceptions
    except ImportError as error:
        raise missing_library("boto3", error) from error
    return boto3, botocore.exceptions
