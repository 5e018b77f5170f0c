"""What only a folder has: a disk that fills up, and files that are served from it."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vimix.errors import StoreError
from vimix.stores.local import LocalStore, free_bytes

WEBP = "image/webp"


@contextmanager
def small_disk(limit: int) -> Iterator[None]:
    """Writes beyond `limit` bytes fail midway, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "big").write_bytes(os.urandom(3 << 20))
    store.put("out/a", tmp_path / "old", mime=WEBP)
    with small_disk(1 << 20), pytest.raises(StoreError, match="disk is full") as caught:
        store.put("out/a", tmp_path / "big", mime=WEBP)
    assert str(tmp_path) not in caught.value.public
    assert store.fetch("out/a", tmp_path / "got").bytes == 3
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == [store.local_path("out/a")]
    store.put("out/b", tmp_path / "big", mime=WEBP)
    with small_disk(1 << 20), pytest.raises(StoreError, match="disk is full"):
        store.fetch("out/b", tmp_path / "got2")
    assert not list(tmp_path.glob("*got2*"))


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        LocalStore(tmp_path / "file" / "store")
    with pytest.raises(StoreError):
        LocalStore(tmp_path / "store").put("out/a", tmp_path / "absent", mime=WEBP)


def test_a_served_file_is_checked_once_and_again_when_it_changes(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    (tmp_path / "f").write_bytes(b"content")
    store.put("out/a", tmp_path / "f", mime=WEBP)
    path = store.local_path("out/a")
    assert path
    assert path.read_bytes() == b"content"
    store.touch("out/a")
    assert store.local_path("out/a") == path
    path.write_bytes(b"CONTENT")
    assert store.local_path("out/a") is None
    assert store.head("out/a") is None


def test_what_a_dead_process_left_unfinished_is_swept(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    old, new = tmp_path / ".unfinished" / "old", tmp_path / ".unfinished" / "new"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    assert store.sweep(older_than=60) == 0
    assert not old.exists()
    assert new.exists()


def test_links_are_the_app_s_own_business(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert not store.shared
    assert store.url("out/a", seconds=60, name="a") is None
    assert store.upload_url("up/a", bytes=1, mime=WEBP, seconds=60) is None
    assert free_bytes(tmp_path) > 0


def test_a_disk_that_takes_no_more_files_is_full(tmp_path: Path) -> None:
    """With room for a hundred megabytes: a real one, where this process may mount it."""
    mounting = ["mount", "-t", "tmpfs", "-o", "size=100m,nr_inodes=40", "tmpfs", str(tmp_path)]
    if sys.platform != "linux" or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount a disk")
    try:
        assert shutil.disk_usage(tmp_path).free > 90_000_000
        assert free_bytes(tmp_path) == 0
        subprocess.run(["mount", "-o", "remount,nr_inodes=4000", str(tmp_path)], check=True)
        assert free_bytes(tmp_path) > 90_000_000
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
