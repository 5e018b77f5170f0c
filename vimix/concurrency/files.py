"""A file is there whole or not at all."""

import os
import tempfile
from pathlib import Path


def place(target: Path, content: bytes) -> None:
    """Write a file so that nobody ever reads a part of it, whatever happens meanwhile."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            settle(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def settle(handle: int) -> None:
    """Let the disk have it before a rename says that it is there."""
    os.fsync(handle)
