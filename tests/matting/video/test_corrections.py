"""Clicks on what is not meant, and painted strokes, carried through a drawn clip."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vimix.frame import Frame, Pixels
from vimix.matting.video import corrections
from vimix.matting.video.corrections import Correction
from vimix.points import Point

SIZE = 180, 320
PERSON, BALL, BAR = (200, 60, 40), (240, 240, 240), (30, 60, 200)


def frames(count: int = 12, *, ball: bool = True, bar: bool = False) -> list[Frame]:
    """A person who walks to the right, a ball that rolls to the left apart from them, a bar that sticks to them."""
    rng = np.random.default_rng(3)
    ground = rng.integers(60, 110, (*SIZE, 3), np.uint8)
    made = []
    for place in range(count):
        rgb, alpha = ground.copy(), np.zeros(SIZE, np.uint8)
        areas = [(slice(50, 160), slice(60 + 4 * place, 110 + 4 * place), PERSON)]
        areas += [(slice(130, 165), slice(250 - 4 * place, 285 - 4 * place), BALL)] if ball else []
        areas += [(slice(90, 110), slice(110 + 4 * place, 160 + 4 * place), BAR)] if bar else []
        for rows, columns, colour in areas:
            rgb[rows, columns] = colour
            alpha[rows, columns] = 255
        rgb = np.clip(rgb + rng.integers(-6, 7, rgb.shape), 0, 255).astype(np.uint8)
        made.append(Frame(rgb, alpha, Fraction(place, 25), Fraction(1, 25)))
    return made


def corrected(clip: Sequence[Frame], *said: Correction) -> list[Pixels]:
    return [frame.alpha for frame in corrections.apply(corrections.regions(clip, said))(clip)]


def unwanted(text: str, time: float = 0.0) -> Correction:
    return Correction(time, (Point.parse("-" + text),))


def share(alpha: Pixels, frame: Frame, colour: tuple[int, int, int]) -> float:
    """How opaque what has that colour is, 0-1."""
    return float(alpha[np.abs(frame.rgb.astype(int) - colour).max(axis=2) < 20].mean()) / 255


@pytest.mark.parametrize("at", [0, 6, 11])
def test_what_stands_apart_goes_whole_in_every_frame(at: int) -> None:
    clip = frames()
    x = (267 - 4 * at) / 320
    for frame, alpha in zip(clip, corrected(clip, unwanted(f"{x},0.8", at / 25)), strict=True):
        assert share(alpha, frame, BALL) < 0.02
        assert share(alpha, frame, PERSON) > 0.98


def test_what_sticks_to_the_subject_goes_by_its_looks() -> None:
    clip = frames(ball=False, bar=True)
    for frame, alpha in zip(clip, corrected(clip, unwanted("0.45,0.55")), strict=True):
        assert share(alpha, frame, BAR) < 0.15
        assert share(alpha, frame, PERSON) > 0.95


def test_a_box_removes_what_is_in_it() -> None:
    clip = frames()
    (first, *_) = corrected(clip, unwanted("0.7,0.6,1,1"))
    assert share(first, clip[0], BALL) < 0.02
    assert share(first, clip[0], PERSON) > 0.98


def test_strokes_keep_and_remove() -> None:
    clip = [replace(frame, alpha=np.where(frame.rgb[:, :, 2] > 150, 0, frame.alpha)) for frame in frames(bar=True)]
    assert share(clip[3].alpha, clip[3], BAR) == 0
    paint = np.zeros(SIZE, np.int8)
    paint[90:110, 122:172] = 1  # the bar in frame 3
    paint[130:165, 238:273] = -1  # the ball in frame 3
    for frame, alpha in zip(clip, corrected(clip, Correction(3 / 25, paint=paint)), strict=True):
        assert share(alpha, frame, BAR) > 0.7
        assert share(alpha, frame, BALL) < 0.05
        assert share(alpha, frame, PERSON) > 0.95


def test_the_edge_of_a_stroke_is_the_pictures_without_steps_or_a_halo() -> None:
    """A disc at 720p, painted roughly: five pixels too large."""
    rows, columns = np.mgrid[:720, :1280]
    away = np.hypot(rows - 360, columns - 640)
    ground = np.random.default_rng(5).integers(40, 120, (720, 1280, 3))
    rgb = np.where((away < 200)[..., None], (230, 200, 180), ground).astype(np.uint8)
    paint = (away < 205).astype(np.int8)
    frame = Frame(rgb, np.zeros((720, 1280), np.uint8), Fraction(0), Fraction(1, 25))
    (alpha,) = corrected([frame], Correction(0.0, paint=paint))
    assert alpha[away < 185].min() == 255
    assert alpha[away > 232].max() == 0, "no texture of the ground outside"
    error = np.abs(alpha / 255 - (away < 200))
    assert error[(away > 180) & (away < 240)].mean() < 0.11, "a fifth more with the stairs of the small picture"


def test_of_two_corrections_the_nearer_in_time_decides() -> None:
    clip = frames()
    paint = np.zeros(SIZE, np.int8)
    paint[130:165, 206:241] = 1  # the ball in frame 11
    found = corrected(clip, unwanted("0.83,0.8"), Correction(11 / 25, paint=paint))
    assert share(found[1], clip[1], BALL) < 0.05
    assert share(found[10], clip[10], BALL) > 0.9


def test_a_click_on_nothing_changes_nothing_that_is_solid() -> None:
    clip = frames()
    for frame, alpha in zip(clip, corrected(clip, unwanted("0.05,0.05")), strict=True):
        assert np.abs(alpha.astype(int) - frame.alpha).mean() < 0.5


def test_a_clip_without_corrections_is_left_as_it_is() -> None:
    clip = frames(3)
    for frame, alpha in zip(clip, corrected(clip), strict=True):
        assert alpha is frame.alpha


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    rgb = np.full((*size, 3), 90, np.uint8)
    clip = [Frame(rgb, np.full(size, 255, np.uint8), Fraction(place, 25), Fraction(1, 25)) for place in range(3)]
    for alpha in corrected(clip, unwanted("0.5,0.5"), Correction(9.0, paint=np.ones(size, np.int8))):
        assert alpha.shape == size
