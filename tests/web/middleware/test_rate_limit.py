"""The key that links are signed with is whole, or there is none."""

import errno
import multiprocessing
import os
from pathlib import Path

import pytest

from vimix.errors import StoreError
from vimix.settings import Settings
from vimix.web.middleware import rate_limit


@pytest.fixture(autouse=True)
def forgotten() -> None:
    rate_limit.secret_of.cache_clear()


def test_a_full_disk_leaves_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError):
            rate_limit.secret_of(Settings(data_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert len(rate_limit.secret_of(Settings(data_dir=tmp_path))) == 32


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "secret").write_bytes(bytes(size))
    with pytest.raises(StoreError):
        rate_limit.secret_of(Settings(data_dir=tmp_path))


def _read(folder: Path) -> bytes:
    rate_limit.secret_of.cache_clear()
    return rate_limit.secret_of(Settings(data_dir=folder))


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        for round_ in range(50):
            keys = pool.map(_read, [tmp_path / str(round_)] * 4, chunksize=1)
            assert len(set(keys)) == 1
            assert len(keys[0]) == 32
