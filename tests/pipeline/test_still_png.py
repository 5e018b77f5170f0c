"""A still as a plain PNG: by its suffix or the format `png`, and told to be one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vimix import remove_background
from vimix.options import Options
from vimix.sinks import FORMATS


@pytest.mark.parametrize("options", [{}, {"format": "png"}, {"format": "apng"}])
def test_a_still_becomes_a_plain_png(tmp_path: Path, options: dict[str, str]) -> None:
    picture = np.full((64, 96, 3), (20, 176, 72), np.uint8)
    picture[20:50, 30:70] = (200, 30, 30)
    Image.fromarray(picture).save(tmp_path / "in.png")
    card = remove_background(tmp_path / "in.png", tmp_path / "out.png", model="chroma", **options)
    assert card["plays_in"] == ["everywhere"]
    assert b"acTL" not in (tmp_path / "out.png").read_bytes()
    assert FORMATS["apng"].mime_of(card["output"]) == "image/png"
    assert FORMATS["apng"].mime_of({"frames": 2}) == "image/apng"
    with Image.open(tmp_path / "out.png") as made:
        assert (made.format, made.mode, made.getchannel("A").getpixel((0, 0))) == ("PNG", "RGBA", 0)


def test_png_and_apng_are_one_format() -> None:
    assert Options(format="png").digest() == Options(format="apng").digest()
