"""A file takes its name when it is whole, and nothing is left beside it."""

from pathlib import Path

import pytest

from vimix.concurrency.files import place, replacing


def test_it_takes_its_name_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"before")
    with replacing(target) as file:
        file.write(b"after")
        file.flush()
        assert target.read_bytes() == b"before"
    assert target.read_bytes() == b"after"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"before")
    with pytest.raises(ValueError, match="closed"), replacing(target) as file:
        file.close()  # so that the end cannot write it
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"), replacing(tmp_path / "file") as file:
        raise OSError(28, "No space left on device")
    assert file.closed
    assert not list(tmp_path.iterdir())


def test_everybody_may_read_what_is_placed(tmp_path: Path) -> None:
    place(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
