"""Files that are there whole or not at all: written under another name, synced, renamed. Used wherever we write one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(target: Path, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write that takes the name `target`, with those permissions, when the block ends well; else it is
    deleted.

    Nobody ever reads a part of it, also after a power cut. Raises `OSError`, and what the block raises.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    file = os.fdopen(handle, "wb")
    try:
        yield file
        file.flush()
        os.fchmod(handle, mode)
        sync(handle)
        os.replace(name, target)
    finally:
        with suppress(OSError):  # a full disk was reported by the write already
            file.close()
        Path(name).unlink(missing_ok=True)


def place(target: Path, content: bytes) -> None:
    """Write a file that everybody may read, whole or not at all. Raises `OSError`."""
    with replacing(target, mode=0o644) as file:
        file.write(content)


def sync(handle: int) -> None:
    """Have the disk store the file of that descriptor before a rename makes it visible. Raises `OSError`."""
    os.fsync(handle)
