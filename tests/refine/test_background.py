"""What is put behind is seen exactly where the subject is not, and follows time."""

import threading
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction

import numpy as np
import pytest

from vimix.errors import Unreadable
from vimix.frame import Frame, Frames, opaque
from vimix.refine.background import over
from vimix.refine.geometry import stroke


def plain(grey: int, n: int = 0, fps: int = 10, size: tuple[int, int] = (30, 40), alpha: int = 0) -> Frame:
    return Frame(
        np.full((*size, 3), grey, np.uint8), np.full(size, alpha, np.uint8), Fraction(n, fps), Fraction(1, fps)
    )


def clip(count: int, fps: int = 10, size: tuple[int, int] = (18, 24)) -> Callable[[], Frames]:
    def begin() -> Frames:
        for n in range(count):
            yield Frame(np.full((*size, 3), n, np.uint8), opaque(*size), Fraction(n, fps), Fraction(1, fps))

    return begin


def test_a_colour() -> None:
    frame = plain(200)
    frame.alpha[:, 20:] = 255
    frame.alpha[:, 19] = 128
    (result,) = over("#1080ff")([frame])
    assert result.alpha.min() == 255
    assert (result.rgb[:, :19] == (0x10, 0x80, 0xFF)).all()
    np.testing.assert_array_equal(result.rgb[:, 20:], frame.rgb[:, 20:])
    assert np.abs(result.rgb[0, 19].astype(int) - (108, 164, 227)).max() <= 1


def test_blur_does_not_show_the_subject() -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(90, 110, (120, 160, 3), np.uint8)
    alpha = np.zeros((120, 160), np.uint8)
    rgb[40:80, 60:100], alpha[40:80, 60:100] = (255, 0, 0), 255
    (result,) = over("blur")([Frame(rgb, alpha, Fraction(0), Fraction(1))])
    around = result.rgb[alpha == 0].astype(int)
    assert np.abs(around - 100).max() < 14, "no red halo"
    assert around.std() < rgb[alpha == 0].std() / 2
    np.testing.assert_array_equal(result.rgb[alpha == 255], rgb[alpha == 255])


def test_blur_on_a_grown_canvas_has_neither_black_nor_subject_in_it() -> None:
    rgb, alpha = np.full((60, 80, 3), 150, np.uint8), np.zeros((60, 80), np.uint8)
    rgb[20:, 30:50], alpha[20:, 30:50] = (0, 0, 250), 255  # it touches the lower border
    for result in over("blur")(stroke(8, grow=True)([Frame(rgb, alpha, Fraction(0), Fraction(1))])):
        assert np.abs(result.rgb[-1].astype(int) - 150).max() < 12


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (31, 17)])
def test_blur_of_small_and_of_wholly_hidden_frames(size: tuple[int, int]) -> None:
    for alpha in (0, 255):
        (result,) = over("blur")([plain(77, size=size, alpha=alpha)])
        assert np.abs(result.rgb.astype(int) - 77).max() <= 1


def test_a_picture_covers_and_is_centred() -> None:
    picture = np.zeros((20, 80, 3), np.uint8)
    picture[:, 26:54] = 255  # the part that a frame of 4:3 shows, and a pixel to either side

    def begin() -> Frames:
        yield Frame(picture, opaque(20, 80), Fraction(0), Fraction(1, 25))

    for result in over(begin)(plain(0, n) for n in range(4)):
        assert result.rgb.shape == (30, 40, 3)
        assert result.rgb.min() > 200


def test_a_video_follows_time_and_begins_again() -> None:
    results = over(clip(3, fps=5))(plain(99, n, fps=10) for n in range(14))
    assert [int(result.rgb[0, 0, 0]) for result in results] == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 0, 0]


def test_a_faster_video_is_thinned() -> None:
    results = over(clip(6, fps=20))(plain(99, n, fps=10) for n in range(5))
    assert [int(result.rgb[0, 0, 0]) for result in results] == [0, 2, 4, 0, 2]


def test_times_that_lie_cannot_spin() -> None:
    began = 0

    def begin() -> Frames:
        nonlocal began
        began += 1
        for _ in range(2):
            yield Frame(np.zeros((4, 4, 3), np.uint8), opaque(4, 4), Fraction(0), Fraction(1, 10**9))

    list(over(begin)(plain(0, n) for n in range(10)))
    assert began < 60


def test_no_picture_at_all() -> None:
    with pytest.raises(Unreadable):
        list(over(clip(0))([plain(0)]))


def test_clear_parts_of_a_picture_are_white() -> None:
    def begin() -> Frames:
        yield plain(0, alpha=0)

    (result,) = over(begin)([plain(0)])
    assert result.rgb.min() == 255


def test_closing_ends_the_background_too() -> None:
    before, closed = threading.active_count(), threading.Event()

    def begin() -> Frames:
        try:
            yield from clip(500)()
        finally:
            closed.set()

    with closing(over(begin)(plain(0, n) for n in range(9))) as results:
        next(results)
    assert closed.is_set()
    assert threading.active_count() == before
