"""What a store in a folder does with files: list them, copy them with their hash, and take turns at writing."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20
"""Bytes copied at a time: the memory that a copy takes."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's advisory lock (`flock`), and write its entries to the disk at the end. Raises
    `FileNotFoundError` where the folder is gone, or another stands in its place."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(handle), folder.stat()):
            raise FileNotFoundError(f"{folder} was taken away and made anew")
        yield
        os.fsync(handle)
    finally:
        os.close(handle)


def files_in(folder: Path) -> Iterator[Path]:
    """The files right in it, none where it is absent."""
    try:
        with os.scandir(folder) as entries:
            yield from [Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return


def copy_hashed(content: BinaryIO, to: Path, *, flush: bool) -> str:
    """The copied bytes' hash. Hashed as they pass, so the name cannot speak of other bytes than were written."""
    sha256 = hashlib.sha256()
    with to.open("wb") as writer:
        while chunk := content.read(_CHUNK):
            sha256.update(chunk)
            writer.write(chunk)
        if flush:
            writer.flush()
            os.fsync(writer.fileno())
    return sha256.hexdigest()
