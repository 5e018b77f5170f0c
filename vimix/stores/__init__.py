"""Where files are kept: content-addressed, for a day, in a folder or in a bucket.

Keys are `in/<sha256>`, `matte/<hash>`, `out/<hash>`: the same content has the same name everywhere, so a put of what
is there already is a touch. `up/<random>` is an upload that was sent straight to the store and is not looked at yet.
Nothing half-written is ever visible under its key, and nothing outside these folders is ever swept.
"""

import errno
import hashlib
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from vimix.errors import NotFound, StoreError, UsageError

FOLDERS = ("in", "matte", "out", "up", "lease")
"""What of a bucket is ours: it may hold other things too."""
_KEY = re.compile(rf"({'|'.join(FOLDERS)})(/[A-Za-z0-9_][A-Za-z0-9._-]{{0,99}}){{1,3}}")
_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f"<>:/\\|?*%;\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]'
)
"""Controls, what some system forbids in a file name, and marks that turn text around (`gpj.exe` shown as `exe.jpg`)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a kept file without reading it."""

    key: str
    bytes: int
    mime: str
    sha256: str
    modified: float
    """Seconds since 1970; a touch renews it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Leave to send one file straight to the store."""

    url: str
    headers: dict[str, str]
    """Must be sent exactly so: they are part of the signature."""
    key: str
    expires: float


class Store(Protocol):
    """Two homes, one behaviour: tests/contracts/test_stores.py runs over both. Failures are `StoreError`."""

    shared: bool
    """Whether other machines see the same files."""

    def put(self, key: str, file: Path, *, mime: str) -> Stored:
        """Keep a copy of `file`; visible whole or not at all."""

    def fetch(self, key: str, to: Path) -> Stored:
        """Write the content to `to`, checked against its hash. `NotFound` if absent; a corrupted object is deleted
        and is `NotFound` too, so that it is made again."""

    def head(self, key: str) -> Stored | None:
        """What is under `key`, or None."""

    def touch(self, key: str) -> bool:
        """Begin the key's day anew; False if it is absent."""

    def local_path(self, key: str) -> Path | None:
        """The content as a file to be served from here, checked against its hash; None where it is elsewhere."""

    def url(self, key: str, *, seconds: float, name: str, inline: bool = False) -> str | None:
        """A link anyone may follow for that long, saved as `name`; None where only the app itself can serve it."""

    def upload_url(self, key: str, *, bytes: int, mime: str, seconds: float) -> Upload | None:
        """Leave to PUT exactly that many bytes of that type; None where uploads come through the app."""

    def delete(self, key: str) -> bool:
        """True if something was there."""

    def claim(self, key: str) -> bool:
        """True for the first who asks and for nobody after, on any machine: `lease/<something and its hour>`. For what
        does no harm when done twice: not every S3 server decides between two at the same instant."""

    def sweep(self, *, older_than: float, keep: Collection[str] = ()) -> int:
        """Delete what was modified more than `older_than` seconds ago, except the keys in `keep`; how many went."""


def open_store(
    *, folder: Path, bucket: str = "", endpoint: str = "", access_key: str = "", secret_key: str = "", region: str = ""
) -> Store:
    """The bucket if one is named, else the folder. Half a bucket's credentials are a `UsageError`, and so is a bucket
    that nothing says the place of: Amazon's links are signed for a region."""
    given = {"S3_BUCKET": bucket, "S3_ACCESS_KEY": access_key, "S3_SECRET_KEY": secret_key}
    if not any(given.values()) and not endpoint:
        from vimix.stores.local import LocalStore

        return LocalStore(folder)
    if missing := [name for name, value in given.items() if not value]:
        raise UsageError(f"The bucket cannot be used: {', '.join(missing)} is not set.")
    if not endpoint and not region:
        raise UsageError("The bucket cannot be used: set S3_REGION, or S3_ENDPOINT where it is not Amazon's.")
    from vimix.stores.s3 import S3Store

    return S3Store(bucket, endpoint=endpoint, access_key=access_key, secret_key=secret_key, region=region)


def is_key(key: str) -> bool:
    """Whether it names something in one of our folders, with no way up or out of the store."""
    return _KEY.fullmatch(key) is not None


def checked(key: str) -> str:
    """The key itself if it is one; `NotFound` otherwise."""
    if not is_key(key):
        raise NotFound("There is no such file.", cause=f"not a key: {key[:80]!r}")
    return key


def sha256_of(file: Path) -> str:
    """The hash of a file's content, in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def disposition(name: str, *, inline: bool = False) -> str:
    """A Content-Disposition that saves as `name`, whatever a stranger put into that name (RFC 6266, RFC 8187)."""
    stem, dot, suffix = _UNSAFE.sub("_", name).strip(" .").rpartition(".")
    safe = f"{stem[:100]}{dot}{suffix[:16]}".strip(" .") or "result"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    return f"{'inline' if inline else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


FAILURES: Counter[str] = Counter()
"""How often a store failed since this process began, by what it was doing."""


def disk_error(error: OSError, doing: str) -> StoreError:
    """What to say when the disk refuses."""
    FAILURES[doing] += 1
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StoreError("The server's disk is full. Please try again later.", cause=str(error))
    return StoreError(f"A file could not be {doing}. Please try again.", cause=str(error))
