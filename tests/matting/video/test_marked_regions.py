"""Painted strokes as pictures."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from vimix.errors import Refused
from vimix.frame import Pixels
from vimix.matting.video import marked_regions


def png(pixels: Pixels) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_green_keeps_red_removes_and_the_rest_is_left() -> None:
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[0, 0], pixels[1, 1], pixels[2, 2] = (0, 255, 0, 255), (255, 0, 0, 255), (90, 90, 90, 255)
    time, paint = marked_regions.read(png(pixels) + "@1.5")
    assert time == 1.5
    assert (paint[0, 0], paint[1, 1], paint[2, 2], paint[3, 3]) == (1, -1, 0, 0)
    assert np.count_nonzero(paint) == 2


@pytest.mark.parametrize("address", ["data:image/png;base64,AAAA", "data:image/png;base64,iVBORw0KGgo="])
def test_what_is_no_picture_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="damaged"):
        marked_regions.read(address)
