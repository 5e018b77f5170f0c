"""A folder for temporary files that code or weights are loaded from, so nobody but this user may write to it."""

import os
import stat
import tempfile
from pathlib import Path


def private_folder(name: str) -> Path:
    """`vimix-NAME-UID` in the folder for temporary files, the same at each start; made if it is not there.

    Where somebody else has made it, or may write to it, a new one is made. Raises `OSError` where none can be.
    """
    folder = Path(tempfile.gettempdir()) / f"vimix-{name}-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix=f"vimix-{name}-"))
