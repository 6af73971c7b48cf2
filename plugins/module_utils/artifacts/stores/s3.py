# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An S3 store: boto3 for what is said about objects, presigned URLs for their content."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import FleetError
from ..transfer.http import Client, HttpError, UnreachableError
from .base import CompletedUpload, GoneError, Settings, Store, Upload, upload_note

CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 60  # seconds
PART_URL_SECONDS = 3600  # that the URL of a part, made when it is sent, is valid
ABSENT = ("404", "NoSuchKey", "NotFound")
GONE = ("404", "NoSuchUpload")

NEXT_STEPS = {
    "NoSuchBucket": "Create the bucket, or correct model_store_s3_bucket.",
    "InvalidAccessKeyId": "Check model_store_s3_access_key.",
    "SignatureDoesNotMatch": "Check model_store_s3_secret_key and model_store_s3_region.",
    "RequestTimeTooSkewed": "Set the publisher's clock.",
    "ExpiredToken": "Renew the store's credentials.",
}
REFUSED = "May model_store_s3_access_key list, read and write model_store_s3_bucket?"


class S3Store(Store):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._ca = _ca_file(settings.ca)  # lives as long as the store
        boto3, self._errors = _libraries()
        self.http = Client(settings.ca)
        self.client = boto3.session.Session().client(
            "s3",
            endpoint_url=settings.endpoint or None,
            aws_access_key_id=settings.access_key or None,
            aws_secret_access_key=settings.secret_key or None,
            region_name=settings.region or "us-east-1",
            verify=self._ca.name if self._ca else None,
            config=_config(settings.addressing),
        )

    @property
    def bucket(self) -> str:
        return self.settings.bucket

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def address(self, key: str, seconds: int) -> str:
        """A presigned URL; made here, the store is not asked."""
        with self.explained("presign", key):
            return self.presigned("get_object", {"Bucket": self.bucket, "Key": key}, seconds)

    def size(self, key: str) -> int | None:
        with self.explained("read", key):
            try:
                return int(self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"])
            except self._errors.ClientError as error:
                if _code(error) in ABSENT:
                    return None
                raise

    def holds(self, key: str, identity: str) -> bool:
        with self.explained("read", key):
            try:
                metadata = self.client.head_object(Bucket=self.bucket, Key=key)["Metadata"]
            except self._errors.ClientError as error:
                if _code(error) in ABSENT:
                    return False
                raise
        return bool(metadata.get("identity") == identity)

    def read(self, key: str) -> bytes | None:
        with self.explained("read", key):
            try:
                return bytes(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read())
            except self._errors.ClientError as error:
                if _code(error) in ABSENT:
                    return None
                raise

    def write(self, key: str, body: bytes) -> None:
        with self.explained("write", key):
            self.client.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", **self.encryption()
            )

    def delete(self, key: str) -> None:
        with self.explained("delete", key):
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def upload(self, key: str, identity: str, size: int, part: int) -> Upload:
        note = upload_note(key)
        if self.settings.compression == "none" and self.holds(key, identity):
            self.delete(note)
            return CompletedUpload(size, part)
        begun = self._read_json(note) or {}
        if begun.get("identity") == identity:
            try:
                return S3Upload(self, key, note, str(begun["upload_id"]))
            except GoneError:
                pass
        elif "upload_id" in begun:
            self.abort(key, str(begun["upload_id"]))
        with self.explained("write", key):
            answer = self.client.create_multipart_upload(
                Bucket=self.bucket, Key=key, Metadata={"identity": identity}, **self.encryption()
            )
        self.write(note, json.dumps({"identity": identity, "upload_id": answer["UploadId"]}).encode())
        return S3Upload(self, key, note, str(answer["UploadId"]))

    def presigned(self, operation: str, parameters: dict[str, Any], seconds: int) -> str:
        return str(self.client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds))

    def encryption(self) -> dict[str, str]:
        chosen = {"ServerSideEncryption": self.settings.sse, "SSEKMSKeyId": self.settings.sse_kms_key_id}
        return {name: value for name, value in chosen.items() if value}

    def is_gone(self, error: Exception) -> bool:
        """Whether boto3's ``error`` says that there is no such upload."""
        return isinstance(error, self._errors.ClientError) and _code(error) in GONE

    def abort(self, key: str, upload_id: str) -> None:
        """Give the room of an upload's parts back."""
        with self.explained("write", key):
            try:
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
            except self._errors.ClientError as error:
                if not self.is_gone(error):
                    raise

    @contextmanager
    def explained(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except (FleetError, GoneError):
            raise
        except Exception as error:
            endpoint = self.settings.endpoint or "AWS"
            attempted = f"Failed to {verb} {self.url(key)} at {endpoint}"
            raise FleetError(attempted, *self._cause(error)) from error

    def _cause(self, error: BaseException) -> tuple[str, str]:
        """Cause and next step, from whatever boto3 or our own client raised."""
        if isinstance(error, HttpError):
            step = REFUSED if error.status in (401, 403) else "Run again later; what was transferred is kept."
            return f"HTTP {error.status}", step
        if isinstance(error, UnreachableError):
            return str(error.reason), "Run again later; what was transferred is kept."
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
            return f"{self.bucket!r} cannot be the name of a bucket", "Correct model_store_s3_bucket."
        if isinstance(error, ValueError):
            return str(error), "Correct model_store_s3_endpoint."
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        return said, "Is model_store_s3_endpoint right, and can the publisher reach it?"


class S3Upload(Upload):
    """A multipart upload. ``note`` is the object that remembers it."""

    def __init__(self, store: S3Store, key: str, note: str, upload_id: str) -> None:
        self._store = store
        self._key = key
        self._note = note
        self._upload = {"Bucket": store.bucket, "Key": key, "UploadId": upload_id}
        self._etags: dict[int, str] = {}
        self.sizes = {}
        with self._explained():
            for page in store.client.get_paginator("list_parts").paginate(**self._upload):
                for part in page.get("Parts", []):
                    self.sizes[part["PartNumber"]] = part["Size"]
                    self._etags[part["PartNumber"]] = part["ETag"]

    def put(self, number: int, content: memoryview) -> None:
        with self._explained():
            parameters = {**self._upload, "PartNumber": number}
            url = self._store.presigned("upload_part", parameters, PART_URL_SECONDS)
            answer = self._store.http.put(url, content)
            self._etags[number] = answer.headers.get("etag", "")
            self.sizes[number] = len(content)

    def complete(self) -> None:
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self._etags.items())]
        with self._explained():
            self._store.client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": parts})
        self._store.delete(self._note)

    def abort(self) -> None:
        self._store.abort(self._key, str(self._upload["UploadId"]))
        self._store.delete(self._note)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        with self._store.explained("write", self._key):
            try:
                yield
            except HttpError as error:
                if error.status == 404:
                    raise GoneError from error
                raise
            except Exception as error:
                if self._store.is_gone(error):
                    raise GoneError from error
                raise


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _ca_file(pem: str) -> Any:
    if not pem:
        return None
    file = tempfile.NamedTemporaryFile("w", suffix=".pem")  # noqa: SIM115  (outlives this function)
    file.write(pem)
    file.flush()
    return file


def _config(addressing: str) -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "max_attempts": 3},
        signature_version="s3v4",
        s3={"addressing_style": addressing or "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _libraries() -> tuple[Any, Any]:
    try:
        import boto3
        import botocore.exceptions
    except ImportError as error:
        raise FleetError(
            f"Failed to use boto3 with {sys.executable}",
            str(error),
            "Let ansible_python_interpreter of the publisher name a Python that has boto3 (requirements.txt).",
        ) from error
    return boto3, botocore.exceptions
