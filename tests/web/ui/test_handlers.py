"""What the page takes as a clip."""

from pathlib import Path

import pytest

from vimix.errors import Refused
from vimix.web.ui.clips import uploaded


def test_only_uploads_and_examples_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    inside, outside = tmp_path / "uploads" / "a.mp4", tmp_path / "b.mp4"
    inside.parent.mkdir()
    inside.touch()
    outside.touch()
    (inside.parent / "link.mp4").symlink_to(outside)
    assert uploaded(inside) == inside
    assert uploaded(outside, tmp_path) == outside
    for path in (
        outside,
        inside.parent / "link.mp4",
        inside.parent / ".." / "b.mp4",
        tmp_path / "none",
        "",
        "http://a/b",
    ):
        with pytest.raises(Refused):
            uploaded(path)
