"""Code and weights are loaded from a temporary folder only if nobody else can write to it."""

import os
import tempfile
from pathlib import Path

import pytest

from vimix.private_folder import private_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_same_at_each_start_and_this_users_alone(temporary: Path) -> None:
    folder = private_folder("models")
    assert folder == private_folder("models") == temporary / f"vimix-models-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert private_folder("numba") != folder


def test_one_that_others_may_write_to_is_not_used(temporary: Path) -> None:
    (temporary / f"vimix-models-{os.getuid()}").mkdir()
    (temporary / f"vimix-models-{os.getuid()}").chmod(0o777)
    folder = private_folder("models")
    assert folder != temporary / f"vimix-models-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_of_that_name_is_not_followed(temporary: Path) -> None:
    (temporary / "elsewhere").mkdir()
    (temporary / f"vimix-models-{os.getuid()}").symlink_to(temporary / "elsewhere")
    folder = private_folder("models")
    assert not folder.is_symlink()
    assert folder.stat().st_mode & 0o777 == 0o700
