"""A folder as a store: every key is a folder that holds one file, whose name says its hash and type.

The name carries what is known, so that one rename makes content and facts visible together; a reader sees the old
pair or the new one. A put is written beside, flushed to the disk, and renamed.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from vimix.errors import NotFound
from vimix.stores import Stored, Upload, checked, disk_error, is_key, sha256_of
from vimix.stores.folder import copy_hashed, files_in, locked

_UNFINISHED = ".unfinished"
_ABANDONED = 3600.0
"""Seconds after which an unfinished write belongs to nobody."""
_LISTINGS = 8
"""Listings of a folder before it counts as empty: each makes it rarer to miss a file that is being replaced."""
_SPARE_FILES = 256
"""Files (inodes) that stay free: a job makes dozens."""


class LocalStore:
    """Files of this machine."""

    shared = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sound: dict[str, tuple[int, int]] = {}
        """Size and modification time (ns) of files whose hash was found right by this process."""
        with _explained("prepared"):
            (folder / _UNFINISHED).mkdir(parents=True, exist_ok=True)

    def put(self, key: str, file: Path, *, mime: str) -> Stored:
        """Keep a copy; what is there already is only touched."""
        with _explained("written"):
            there = self.head(checked(key))
            if there and there.bytes == file.stat().st_size and there.sha256 == sha256_of(file) and self.touch(key):
                return self._need(key)
            beside = self.folder / _UNFINISHED / secrets.token_hex(16)
            try:
                with file.open("rb") as content:
                    sha256 = copy_hashed(content, beside, flush=True)
                self._place(beside, key, f"{sha256}.{quote(mime, safe='')}")
            finally:
                beside.unlink(missing_ok=True)
            return self._need(key)

    def fetch(self, key: str, to: Path) -> Stored:
        """Copy the content to `to`, whole or not at all."""
        beside = to.with_name(f".{to.name}.{secrets.token_hex(4)}")
        with _explained("read"):
            try:
                while path := self._file(key):
                    with contextlib.suppress(FileNotFoundError), path.open("rb") as content:
                        stored = _describe(key, path)
                        if copy_hashed(content, beside, flush=False) == stored.sha256:
                            beside.replace(to)
                            return stored
                        self.delete(key)
                    # another was put in its place between two calls: look again
            finally:
                beside.unlink(missing_ok=True)
        raise NotFound("The file is no longer there.", cause=f"{key} is absent, or did not match its hash")

    def head(self, key: str) -> Stored | None:
        """What the file's name and the disk say of it."""
        with _explained("read"):
            while path := self._file(key):
                with contextlib.suppress(FileNotFoundError):
                    return _describe(key, path)
        return None

    def touch(self, key: str) -> bool:
        """Set the file's time to now."""
        with _explained("written"):
            path = self._file(key)
            if path is None:
                return False
            try:
                before = path.stat()
                os.utime(path)
            except FileNotFoundError:
                return False
            if self._sound.get(key) == (before.st_size, before.st_mtime_ns):  # new time, same content
                self._sound[key] = (before.st_size, path.stat().st_mtime_ns)
            return True

    def local_path(self, key: str) -> Path | None:
        """The file itself. Its hash is checked the first time, and whenever its size or time has changed."""
        with _explained("read"):
            while path := self._file(key):
                with contextlib.suppress(FileNotFoundError):
                    facts = path.stat()
                    mark = (facts.st_size, facts.st_mtime_ns)
                    if self._sound.get(key) != mark:
                        if sha256_of(path) != path.name.partition(".")[0]:
                            self.delete(key)
                            return None
                        self._sound[key] = mark
                    return path
        return None

    def url(self, key: str, *, seconds: float, name: str, inline: bool = False) -> str | None:
        """None: only the app can serve this folder."""
        return None

    def upload_url(self, key: str, *, bytes: int, mime: str, seconds: float) -> Upload | None:
        """None: uploads come through the app."""
        return None

    def delete(self, key: str) -> bool:
        """Take the file and its folder away."""
        with _explained("deleted"):
            self._sound.pop(key, None)
            if self._file(key) is None:
                return False
            found = list(files_in(self.folder / key))
            for path in found:
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # absent, or filled again meanwhile
                (self.folder / key).rmdir()
            return bool(found)

    def claim(self, key: str) -> bool:
        """Make the key's folder, which only one can."""
        with _explained("written"):
            home = self.folder / checked(key)
            home.parent.mkdir(parents=True, exist_ok=True)
            try:
                home.mkdir()
            except FileExistsError:
                return False
            (home / "claimed").touch()
            return True

    def sweep(self, *, older_than: float, keep: Collection[str] = ()) -> int:
        """Delete by the time of the files; unfinished writes of the dead go too, uncounted."""
        now, gone = time.time(), 0
        with _explained("deleted"):
            for beside in list(files_in(self.folder / _UNFINISHED)):
                with contextlib.suppress(FileNotFoundError):
                    if now - beside.stat().st_mtime > max(older_than, _ABANDONED):
                        beside.unlink()
            for key in self._keys():
                stored = None if key in keep else self.head(key)
                if stored and now - stored.modified > older_than:
                    gone += self.delete(key)
        return gone

    def _keys(self) -> Iterator[str]:
        for top, folders, files in os.walk(self.folder):
            if _UNFINISHED in folders:
                folders.remove(_UNFINISHED)
            if files:
                yield Path(top).relative_to(self.folder).as_posix()

    def _file(self, key: str) -> Path | None:
        """The newest file under the key: for an instant, while one replaces another, there are two.

        A listing made in that instant can miss both (POSIX leaves open whether `readdir` sees what changes
        meanwhile), so an empty one counts only after `_LISTINGS` of them, or where the folder is absent too.
        """
        folder = self.folder / key
        for _ in range(_LISTINGS if is_key(key) else 0):
            found: list[tuple[int, Path]] = []
            for path in files_in(folder):
                with contextlib.suppress(FileNotFoundError):
                    found.append((path.stat().st_mtime_ns, path))
            if found:
                return max(found)[1]
            if not folder.is_dir():
                return None
        return None

    def _need(self, key: str) -> Stored:
        stored = self.head(key)
        if stored is None:
            raise NotFound("The file is no longer there.", cause=key)
        return stored

    def _place(self, beside: Path, key: str, name: str) -> None:
        """Put a finished file under its key in place of what is there: one writer of a key at a time."""
        home = self.folder / key
        for attempt in range(10):
            home.mkdir(parents=True, exist_ok=True)
            try:
                with locked(home):
                    beside.replace(home / name)
                    for other in files_in(home):
                        if other.name != name:
                            other.unlink(missing_ok=True)
                return
            except FileNotFoundError:  # a sweep took the empty folder between the two calls
                if attempt == 9:
                    raise


def _describe(key: str, path: Path) -> Stored:
    sha256, _, mime = path.name.partition(".")
    facts = path.stat()
    return Stored(key, facts.st_size, unquote(mime), sha256, facts.st_mtime)


@contextlib.contextmanager
def _explained(doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(error, doing) from error


def free_bytes(folder: Path) -> int:
    """What is left on the disk that holds `folder`; 0 where it has room and takes hardly any more files."""
    disk = os.statvfs(folder)
    if disk.f_files and disk.f_favail < _SPARE_FILES:  # some file systems do not count them
        return 0
    return disk.f_bavail * disk.f_frsize
