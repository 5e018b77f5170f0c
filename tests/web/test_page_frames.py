"""Single pictures for the page: the filmstrip, and one frame tried before a run."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from tests.web.drawn import draw
from vimix.errors import Refused, Unreadable
from vimix.settings import Settings
from vimix.web.frames import STRIP, film
from vimix.web.handlers import uploaded
from vimix.web.trial import try_frame


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_a_filmstrip_shows_the_clip_from_end_to_end(clip: Path) -> None:
    told = film(clip)
    assert (told["seconds"], told["width"], told["height"]) == (2.0, 320, 180)
    pictures = [opened(shot).convert("RGB") for shot in told["strip"]]
    assert len(pictures) == STRIP
    assert len({picture.tobytes() for picture in pictures}) == STRIP
    assert sum(map(len, told["strip"])) < 60_000


def test_what_is_no_clip_has_no_film(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"hello")
    with pytest.raises(Unreadable):
        film(tmp_path / "clip.mp4")


def test_a_frame_before_a_screen_is_keyed_and_the_run_estimated(tmp_path: Path) -> None:
    clip = draw(tmp_path / "green.mp4", wall=(20, 176, 72))
    told = try_frame(Settings(data_dir=tmp_path), clip, 0.5, ())
    (look,) = told["looks"]
    assert (look["model"], told["frames"]) == ("chroma", 24)
    alpha = opened(look["picture"]).getchannel("A")
    assert alpha.getpixel((5, 5)) == 0
    assert alpha.getpixel((100, 90)) == 255
    assert look["seconds"] > 0
    assert look["bytes"] > 1000


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
