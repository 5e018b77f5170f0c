"""Finishing: sizes are exact, colours that were hidden stay hidden, outlines and shadows fit."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vimix.frame import Frame, Frames, Stage, opaque
from vimix.refine.geometry import Box, crop_to, each, invert, pad_to, resize, shadow, stroke, subject_box

RED, GREEN = (200, 30, 40), (10, 220, 30)


def disc(height: int = 60, width: int = 80, radius: float = 15, x: float = 40, y: float = 30) -> Frame:
    """A red disc with a soft edge; what is hidden is bright green."""
    down, across = np.mgrid[:height, :width]
    alpha = (np.clip(radius - np.hypot(across - x, down - y) + 0.5, 0, 1) * 255).astype(np.uint8)
    rgb = np.where((alpha > 0)[..., None], np.array(RED, np.uint8), np.array(GREEN, np.uint8))
    return Frame(rgb, alpha, Fraction(1, 3), Fraction(1, 30))


def one(stage: Stage, frame: Frame) -> Frame:
    (result,) = stage([frame])
    assert (result.time, result.duration) == (frame.time, frame.duration)
    assert result.rgb.dtype == result.alpha.dtype == np.uint8
    return result


def matted(alpha: int) -> Stage:
    """A matting that leaves that share of what a frame brings, in 255ths."""
    return each(lambda frame: replace(frame, alpha=(frame.alpha * (alpha / 255)).astype(np.uint8)))


@pytest.mark.parametrize("alpha", [0, 100, 255])
def test_inverted_is_what_the_matting_removes(alpha: int) -> None:
    frame = disc()
    inverted, kept = one(invert([matted(alpha)]), frame), one(matted(alpha), frame)
    assert (inverted.alpha.astype(int) + kept.alpha == frame.alpha).all()  # what was clear stays clear
    whole = Frame(frame.rgb, opaque(60, 80), frame.time, frame.duration)
    assert (one(invert([matted(alpha)]), whole).alpha == 255 - alpha).all()


def test_frames_that_a_matting_leaves_out_are_no_matter() -> None:
    frames = [
        replace(disc(), time=Fraction(place), alpha=np.full((60, 80), 50 * place, np.uint8)) for place in range(4)
    ]

    def every_other(given: Iterable[Frame]) -> Frames:
        for place, frame in enumerate(given):
            if place % 2:
                yield replace(frame, alpha=np.zeros_like(frame.alpha))

    assert [int(frame.alpha[0, 0]) for frame in invert([every_other])(frames)] == [50, 150]


@pytest.mark.parametrize("width", [17, 33, 80, 211])
def test_no_hidden_colour_bleeds_when_resized(width: int) -> None:
    result = one(resize(width), disc())
    assert result.alpha.shape == (round(60 * width / 80), width)
    seen = result.rgb[result.alpha >= 8].astype(int)
    assert np.abs(seen - RED).max() <= 4, "the green behind must not be mixed in"
    assert abs(float(result.alpha.mean()) - float(disc().alpha.mean())) < 1.5


def test_opaque_frames_resize_to_opaque_frames() -> None:
    frame = Frame(disc().rgb, opaque(60, 80), Fraction(0), Fraction(1))
    result = one(resize(41), frame)
    assert result.alpha.shape == (31, 41)
    assert result.alpha.min() == 255


def test_resized_alpha_zero_keeps_a_colour() -> None:
    result = one(resize(40), disc())
    assert tuple(result.rgb[0, 0]) == GREEN


def test_one_box_for_the_whole_clip() -> None:
    alphas = [disc(x=20).alpha, np.zeros((60, 80), np.uint8), disc(x=55).alpha]
    box = subject_box(alphas, 160, 120)
    assert box is not None
    assert all(side % 2 == 0 for side in box)
    assert 0 <= box.x <= 2 * (20 - 15) and box.x + box.width >= 2 * (55 + 15)  # noqa: PT018
    assert box.y <= 2 * 15 and box.y + box.height >= 2 * 45  # noqa: PT018
    assert box.width < 142 and box.height < 76, "only a little wider than needed"  # noqa: PT018
    cropped = one(crop_to(box), Frame(np.zeros((120, 160, 3), np.uint8), opaque(120, 160), Fraction(0), Fraction(1)))
    assert cropped.alpha.shape == (box.height, box.width)


def test_box_of_nothing_and_of_everything() -> None:
    assert subject_box([np.zeros((60, 80), np.uint8)], 80, 60) is None
    assert subject_box([], 80, 60) is None
    assert subject_box([np.full((60, 80), 255, np.uint8)], 81, 61) == Box(0, 0, 80, 60)
    assert subject_box([np.full((60, 80), 255, np.uint8)], 16, 1) == Box(0, 0, 16, 1)
    dot = np.zeros((60, 80), np.uint8)
    dot[59, 79] = 255
    assert subject_box([dot], 80, 60) == Box(78, 58, 2, 2)


@pytest.mark.parametrize("pixels", [1, 3, 8])
def test_stroke_is_white_and_as_wide_as_asked(pixels: int) -> None:
    frame = disc()
    result = one(stroke(pixels), frame)
    assert result.alpha.shape == frame.alpha.shape
    np.testing.assert_array_equal(result.rgb[frame.alpha == 255], frame.rgb[frame.alpha == 255])
    row = result.alpha[30]
    wide = row[:40].astype(float).sum() / 255
    assert abs(wide - (14.5 + pixels)) < 0.6
    assert tuple(result.rgb[30, 40 - 15 - pixels // 2 - 1]) == (255, 255, 255)


@pytest.mark.parametrize("finish", [stroke, shadow])
def test_grown_canvas_holds_everything(finish: Callable[..., Stage]) -> None:
    frame = disc(40, 40, 20, 20, 20)
    result = one(finish(6, grow=True), frame)
    assert result.alpha.shape[0] % 2 == result.alpha.shape[1] % 2 == 0
    assert result.alpha.shape > frame.alpha.shape
    border = np.concatenate([result.alpha[0], result.alpha[-1], result.alpha[:, 0], result.alpha[:, -1]])
    assert border.max() <= 8


def test_shadow_is_dark_soft_and_below() -> None:
    frame = disc()
    result = one(shadow(8), frame)
    np.testing.assert_array_equal(result.rgb[frame.alpha == 255], frame.rgb[frame.alpha == 255])
    below, above = result.alpha[30 + 18, 40], result.alpha[30 - 18, 40]
    assert 20 < below < 160
    assert below > above + 20
    assert result.rgb[30 + 18, 40].max() < 10


def test_nothing_to_outline() -> None:
    frame = Frame(disc().rgb, np.zeros((60, 80), np.uint8), Fraction(0), Fraction(1))
    assert one(stroke(4), frame).alpha.max() == 0
    assert one(shadow(4), frame).alpha.max() == 0


@pytest.mark.parametrize("size", [(60, 80), (81, 33), (7, 300), (512, 512)])
def test_padded_to_an_exact_canvas(size: tuple[int, int]) -> None:
    height, width = size
    result = one(
        pad_to(128, 128),
        Frame(np.full((height, width, 3), 9, np.uint8), opaque(height, width), Fraction(0), Fraction(1)),
    )
    assert result.alpha.shape == (128, 128)
    y, x = np.nonzero(result.alpha)
    assert max(y.max() - y.min(), x.max() - x.min()) == 127, "one side fills it"
    assert abs((y.min() + y.max()) - 127) <= 1
    assert abs((x.min() + x.max()) - 127) <= 1


def test_room_for_an_outline_on_an_exact_canvas() -> None:
    whole = Frame(disc().rgb, opaque(60, 80), Fraction(0), Fraction(1))
    result = one(stroke(6), one(pad_to(128, 128, room=8), whole))
    assert result.alpha.shape == (128, 128)
    assert max(result.alpha[:, 0].max(), result.alpha[:, -1].max()) == 0
    assert result.alpha[64, 4] == 255
