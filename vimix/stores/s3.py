"""A bucket as a store, tuned for Cloudflare R2 and kept to what every S3 server understands.

Checksums that boto3 adds by itself since 1.36 are asked for only where required, because R2 and others refuse some of
them; our own SHA-256 travels as metadata. Objects appear whole or not at all: that is S3's own promise, and a
multipart upload that fails is aborted. No message carries an address or a key, as both may hold secrets.
"""

import contextlib
import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from vimix.errors import NotFound, StoreError
from vimix.stores import FAILURES, FOLDERS, Stored, Upload, checked, disk_error, disposition, rules, sha256_of

_PART = 16 << 20
"""Bytes of a part: R2 wants them all equal, S3 at least 5 MiB and at most 10,000."""
_BATCH = 1000  # keys deleted by one request: S3's limit
_GRACE = 3600.0
"""Seconds for which nobody else's upload in parts is taken for dead."""
_WEEK = 7 * 86400
"""Seconds a signature may live at most, by S3's rule."""
_TRANSFER = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, max_concurrency=4)


class S3Store:
    """Files in one bucket, seen by every machine."""

    shared = True

    def __init__(
        self, bucket: str, *, endpoint: str, access_key: str, secret_key: str, region: str = "", timeout: float = 30,
        tries: int = 5,
    ) -> None:  # fmt: skip
        self._bucket = bucket
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "total_max_attempts": tries},
            connect_timeout=min(timeout, 5),
            read_timeout=timeout,
            max_pool_connections=16,
            tcp_keepalive=True,
        )
        with _explained("open"):
            self._s3: Any = boto3.session.Session().client(
                "s3",
                endpoint_url=endpoint or None,
                region_name=region or "auto",
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                config=config,
            )

    def put(self, key: str, file: Path, *, mime: str) -> Stored:
        """Send a copy; what is there already is only touched."""
        there = self.head(checked(key))
        with _explained("put"):
            sha256, size = sha256_of(file), file.stat().st_size
            if there and (there.bytes, there.sha256, there.mime) == (size, sha256, mime) and self.touch(key):
                return Stored(key, size, mime, sha256, time.time())
            facts = {"ContentType": mime, "Metadata": {"sha256": sha256}}
            self._s3.upload_file(str(file), self._bucket, key, ExtraArgs=facts, Config=_TRANSFER)
        return Stored(key, size, mime, sha256, time.time())

    def fetch(self, key: str, to: Path) -> Stored:
        """Load the content to `to`: facts and bytes of one answer, so that a put meanwhile cannot mix them."""
        beside = to.with_name(f".{to.name}.{secrets.token_hex(4)}")
        try:
            for last in (False, False, True):
                try:
                    stored = self._load(checked(key), beside)
                except StoreError as error:
                    if last or not error.retryable:
                        raise
                    continue
                if beside.stat().st_size == stored.bytes and stored.sha256 in ("", sha256_of(beside)):
                    beside.replace(to)
                    return stored
            self.delete(key)
            raise NotFound("The file is no longer there.", cause=f"{key} did not match its hash; deleted")
        finally:
            beside.unlink(missing_ok=True)

    def head(self, key: str) -> Stored | None:
        """What the server says of it."""
        try:
            with _explained("head"):
                return _describe(key, self._s3.head_object(Bucket=self._bucket, Key=checked(key)))
        except NotFound:
            return None

    def touch(self, key: str) -> bool:
        """Copy the object onto itself, on the server, unless it is replaced meanwhile: S3 knows no other way."""
        source = {"Bucket": self._bucket, "Key": key}
        for _ in range(3):
            try:
                with _explained("touch"):
                    seen = self._s3.head_object(Bucket=self._bucket, Key=checked(key))
                    facts = {"ContentType": seen["ContentType"], "Metadata": seen.get("Metadata", {})}
                    self._s3.copy_object(
                        **source,
                        CopySource=source,
                        CopySourceIfMatch=seen["ETag"],
                        MetadataDirective="REPLACE",
                        **facts,
                    )
                    return True
            except NotFound:
                continue
        return False

    def local_path(self, key: str) -> Path | None:
        """None: the content is in the bucket."""
        return None

    def url(self, key: str, *, seconds: float, name: str, inline: bool = False) -> str | None:
        """A presigned GET; whether the object is there is not asked."""
        lifetime = max(1, min(int(seconds), _WEEK))
        saved_as, cached = disposition(name, inline=inline), f"private, max-age={lifetime}"
        return self._signed(
            "get_object", lifetime, Key=key, ResponseContentDisposition=saved_as, ResponseCacheControl=cached
        )

    def upload_url(self, key: str, *, bytes: int, mime: str, seconds: float) -> Upload | None:
        """A presigned PUT; length and type are part of the signature."""
        lifetime = max(1, min(int(seconds), _WEEK))
        url = self._signed("put_object", lifetime, Key=key, ContentLength=bytes, ContentType=mime)
        return Upload(url, {"Content-Type": mime, "Content-Length": str(bytes)}, key, time.time() + lifetime)

    def delete(self, key: str) -> bool:
        """Ask first: S3 does not say whether there was anything."""
        if self.head(key) is None:
            return False
        with _explained("delete"):
            self._s3.delete_object(Bucket=self._bucket, Key=key)
        return True

    def claim(self, key: str) -> bool:
        """Put an empty object unless there is one."""
        try:
            with _explained("claim"):
                self._s3.put_object(Bucket=self._bucket, Key=checked(key), Body=b"", IfNoneMatch="*")
        except NotFound:
            return False
        return True

    def sweep(self, *, older_than: float, keep: Collection[str] = ()) -> int:
        """Delete by the server's time, a thousand at a time, and abort multipart uploads of the dead."""
        before, gone = time.time() - older_than, 0
        with _explained("sweep"):
            for folder in FOLDERS:
                old = (
                    entry["Key"]
                    for entry in self._pages("list_objects_v2", "Contents", folder)
                    if entry["LastModified"].timestamp() < before and entry["Key"] not in keep
                )
                while batch := [{"Key": key} for key in islice(old, _BATCH)]:
                    answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True})
                    gone += len(batch) - len(answer.get("Errors", []))
                for entry in self._pages("list_multipart_uploads", "Uploads", folder):
                    if entry["Initiated"].timestamp() < min(before, time.time() - _GRACE):
                        self._s3.abort_multipart_upload(
                            Bucket=self._bucket, Key=entry["Key"], UploadId=entry["UploadId"]
                        )
        return gone

    def install_rule(self, days: float, origins: Sequence[str] = ()) -> None:
        """Set the bucket's own rules as a net under the sweeper: expiry after whole days, no stale multipart uploads,
        and leave for pages of `origins` to GET and PUT. Rules of others stay as they are."""
        for what, inside, name, ours in (
            ("bucket_lifecycle_configuration", "LifecycleConfiguration", "Rules", rules.expiry(days)),
            ("bucket_cors", "CORSConfiguration", "CORSRules", [rules.cors(origins)]),
        ):
            others = self._others(f"get_{what}", name)
            with _explained("set the rules of"):
                getattr(self._s3, f"put_{what}")(Bucket=self._bucket, **{inside: {name: [*others, *ours]}})

    def _load(self, key: str, to: Path) -> Stored:
        with _explained("fetch"), to.open("wb") as writer:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            with contextlib.closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(1 << 20):
                    writer.write(chunk)
        return _describe(key, answer)

    def _others(self, operation: str, name: str) -> list[dict[str, Any]]:
        try:
            with _explained("read the rules of"):
                found = getattr(self._s3, operation)(Bucket=self._bucket).get(name, [])
        except NotFound:
            return []
        return [rule for rule in found if not rule.get("ID", "").startswith(rules.OURS)]

    def _pages(self, operation: str, name: str, folder: str) -> Iterator[dict[str, Any]]:
        for page in self._s3.get_paginator(operation).paginate(Bucket=self._bucket, Prefix=f"{folder}/"):
            yield from page.get(name, [])

    def _signed(self, operation: str, lifetime: int, **what: object) -> str:
        with _explained("sign"):
            return str(self._s3.generate_presigned_url(operation, {"Bucket": self._bucket, **what}, ExpiresIn=lifetime))


def _describe(key: str, seen: dict[str, Any]) -> Stored:
    facts = {name.lower(): value for name, value in seen.get("Metadata", {}).items()}  # some servers capitalise
    mime, modified = seen.get("ContentType", "application/octet-stream"), seen["LastModified"].timestamp()
    return Stored(key, seen["ContentLength"], mime, facts.get("sha256", ""), modified)


@contextlib.contextmanager
def _explained(doing: str) -> Iterator[None]:
    """Turn the library's errors into ours. The original is not chained: its text may hold addresses and signatures."""
    try:
        yield
    except (ClientError, BotoCoreError, HTTPClientError, Boto3Error, OSError) as error:
        raise _in_our_words(error, doing) from None


def _in_our_words(error: Exception, doing: str) -> StoreError | NotFound:
    inner = error.__cause__ or error.__context__
    if isinstance(error, Boto3Error) and isinstance(inner, ClientError):
        error = inner
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
        return disk_error(error, "copied")
    status, code = 0, type(error).__name__
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = str(error.response.get("Error", {}).get("Code", ""))[:60]
    cause = f"{doing}: {status or 'unreachable'} {code}"
    if status in (404, 412) and code != "NoSuchBucket":
        return NotFound("The file is no longer there.", cause=cause)
    FAILURES[doing] += 1
    if code == "NoSuchBucket":
        return StoreError("The file store is not set up.", cause=cause)
    if status in (401, 403):
        refused = StoreError("The file store refused access. Whoever runs this site must check its keys.", cause=cause)
        refused.retryable = False
        return refused
    return StoreError("The file store cannot be reached right now. Please try again.", cause=cause)
