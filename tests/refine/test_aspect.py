"""Windows of a shape: still where they can be, smooth where they move, and never cutting the subject."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.web.drawn import draw
from vimix import remove_background
from vimix.frame import Frame, Pixels, opaque
from vimix.refine.aspect import Window, crop_along, window

FPS = 25


def moving(boxes: list[tuple[int, int, int, int] | None], size: tuple[int, int]) -> Iterator[tuple[Fraction, Pixels]]:
    for number, box in enumerate(boxes):
        alpha = np.zeros((size[1], size[0]), np.uint8)
        if box:
            x, y, w, h = box
            alpha[y : y + h, x : x + w] = 255
        yield Fraction(number, FPS), alpha


def shows(found: Window, boxes: list[tuple[int, int, int, int] | None]) -> bool:
    places = [found.at(Fraction(number, FPS)) for number in range(len(boxes))]
    return all(
        place.x <= box[0]
        and box[0] + box[2] <= place.x + place.width
        and place.y <= box[1]
        and box[1] + box[3] <= place.y + place.height
        for place, box in zip(places, boxes, strict=True)
        if box
    )


@pytest.mark.parametrize("shape", ["9/16", "1/1", "16/9"])
def test_a_subject_that_stays_has_a_window_that_stays(shape: str) -> None:
    boxes: list[tuple[int, int, int, int] | None] = [(200 + n % 20, 60, 40, 80) for n in range(60)]
    found = window(moving(boxes, (640, 360)), 640, 360, Fraction(shape))
    assert found is not None
    assert len(set(found.corners)) == 1
    assert abs(found.width / found.height - Fraction(shape)) < 0.01
    assert found.height <= 360
    assert shows(found, boxes)
    place = found.at(Fraction(0))
    assert place.x >= 0
    assert place.x + place.width <= 640
    assert abs(place.x + place.width / 2 - (200 + 59) / 2 - 0) < 120 or place.x in (0, 640 - place.width)


def test_a_subject_that_travels_is_followed_smoothly() -> None:
    shaky = np.random.default_rng(1).integers(-6, 7, 200)
    boxes: list[tuple[int, int, int, int] | None] = [
        (max(0, min(580, 3 * n + int(shaky[n]))), 100, 60, 120) for n in range(200)
    ]
    boxes[50:60] = [None] * 10
    found = window(moving(boxes, (640, 360)), 640, 360, Fraction(9, 16))
    assert found is not None
    assert shows(found, boxes)
    xs = np.array([x for x, _ in found.corners])
    assert xs[0] == 0
    assert xs[-1] == 640 - found.width
    assert np.abs(np.diff(xs, 2)).max() <= 2  # pixels a frame and frame: what rounding gives
    assert {y for _, y in found.corners} == {0}


def test_a_subject_wider_than_the_picture_allows_has_clear_room() -> None:
    boxes: list[tuple[int, int, int, int] | None] = [(20, 40, 600, 300)] * 3
    found = window(moving(boxes, (640, 360)), 640, 360, Fraction(9, 16))
    assert found is not None
    assert found.width > 600
    assert shows(found, boxes)
    frame = Frame(np.full((360, 640, 3), 90, np.uint8), opaque(360, 640), Fraction(0), Fraction(1, FPS))
    (cropped,) = crop_along(found)([frame])
    assert cropped.alpha.shape == (found.height, found.width)
    assert int((cropped.alpha == 255).sum()) == 360 * min(640, found.width)
    assert cropped.alpha[0].max() == 0


def test_nothing_has_no_window() -> None:
    assert window(moving([None] * 3, (64, 36)), 64, 36, Fraction(1)) is None


def test_a_clip_in_another_shape(tmp_path: Path) -> None:
    """The ball travels from left to right; a square follows it."""
    clip, out = draw(tmp_path / "clip.mp4", wall=(20, 176, 72)), tmp_path / "out.webp"
    output = remove_background(clip, out, model="chroma", crop="1:1")["output"]
    assert (output["width"], output["height"]) == (180, 180)
    with Image.open(out) as result:
        for frame in ImageSequence.Iterator(result):
            alpha = np.asarray(frame.convert("RGBA"))[..., 3]
            assert alpha.max() == 255
            assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) < 30


def test_a_sticker_is_of_the_subject_unless_it_is_said(tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", wall=(20, 176, 72))

    def share(**options: str) -> float:
        remove_background(clip, tmp_path / "out.gif", model="chroma", fit="slack-emoji", **options)
        with Image.open(tmp_path / "out.gif") as made:
            frames = [np.asarray(frame.convert("RGBA"))[..., 3] for frame in ImageSequence.Iterator(made)]
        return float(np.mean([(alpha > 128).mean() for alpha in frames]))

    assert share() > 1.2 * share(crop="none")
