from collections.abc import Iterator, Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest

from vimix.frame import Frame, Pixels
from vimix.refine.temporal import smooth

SIZE = (120, 200)


def texture(seed: int, light: int) -> Pixels:
    noise = np.random.default_rng(seed).normal(light, 60, (*SIZE, 3)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 2).clip(0, 255).astype(np.uint8)


def disc(x: float, behind: Pixels, colour: tuple[int, int, int] = (230, 60, 40)) -> tuple[Pixels, Pixels]:
    rgb, alpha = behind.copy(), np.zeros(SIZE, np.uint8)
    cv2.circle(rgb, (round(x), 60), 25, colour, -1)
    cv2.circle(alpha, (round(x), 60), 25, 255, -1)
    return rgb, alpha


def frames(pairs: Sequence[tuple[Pixels, Pixels]]) -> Iterator[Frame]:
    for at, (rgb, alpha) in enumerate(pairs):
        yield Frame(rgb, alpha, Fraction(at, 24), Fraction(1, 24))


def error(mattes: Sequence[Pixels], truths: Sequence[Pixels]) -> float:
    return float(np.mean([cv2.absdiff(a, b).mean() for a, b in zip(mattes, truths, strict=True)]))


def blinking(step: float) -> tuple[list[tuple[Pixels, Pixels]], list[Pixels]]:
    """A disc that moves `step` pixels a frame; in every third frame a piece of its matte is missing."""
    true = [disc(50 + step * at, texture(0, 120)) for at in range(12)]
    seen = [(rgb, alpha.copy()) for rgb, alpha in true]
    for at in range(1, 12, 3):
        x = round(50 + step * at)
        seen[at][1][50:70, x - 10 : x + 10] = 60
    return seen, [alpha for _, alpha in true]


@pytest.mark.parametrize("step", [0, 4])
def test_what_blinks_is_calmed_where_it_moves_and_where_it_does_not(step: float) -> None:
    seen, truths = blinking(step)
    smoothed = [frame.alpha for frame in smooth(0.5)(frames(seen))]
    assert error(smoothed, truths) < 0.8 * error([alpha for _, alpha in seen], truths)


def test_strength_nought_changes_nothing() -> None:
    seen, _ = blinking(3)
    smoothed = list(smooth(0)(frames(seen)))
    assert all(np.array_equal(frame.alpha, alpha) for frame, (_, alpha) in zip(smoothed, seen, strict=True))


def test_a_cut_stays_a_cut() -> None:
    one = [disc(60 + 3 * at, texture(0, 60)) for at in range(4)]
    two = [disc(150 - 3 * at, texture(1, 200), (30, 60, 220)) for at in range(4)]
    joined = [frame.alpha for frame in smooth(1)(frames([*one, *two]))]
    apart = [*(frame.alpha for frame in smooth(1)(frames(one))), *(frame.alpha for frame in smooth(1)(frames(two)))]
    assert max(int(cv2.absdiff(a, b).max()) for a, b in zip(joined[3:5], apart[3:5], strict=True)) <= 8


def test_fast_things_leave_no_ghost() -> None:
    pairs = [disc(30 + 45 * at, texture(0, 120)) for at in range(4)]
    for frame, (_, alpha) in zip(smooth(1)(frames(pairs)), pairs, strict=True):
        outside = cv2.dilate(alpha, np.ones((9, 9), np.uint8)) == 0
        assert int(frame.alpha[outside].max()) <= 40


def test_it_waits_for_one_frame() -> None:
    pulled = 0

    def source() -> Iterator[Frame]:
        nonlocal pulled
        for frame in frames(blinking(2)[0]):
            pulled += 1
            yield frame

    smoothed = smooth(0.5)(source())
    next(smoothed)
    assert pulled == 2
    smoothed.close()


def test_frames_of_another_size_are_not_mixed() -> None:
    large = disc(60, texture(0, 120))
    rgb, alpha = (np.asarray(cv2.resize(each, (90, 70), interpolation=cv2.INTER_AREA), np.uint8) for each in large)
    small = rgb, alpha
    smoothed = list(smooth(1)(frames([large, small, large])))
    assert [frame.alpha.shape for frame in smoothed] == [SIZE, (70, 90), SIZE]


def test_an_empty_or_opaque_matte_stays_so() -> None:
    rgb = texture(0, 120)
    for level in (0, 255):
        smoothed = list(smooth(0.5)(frames([(rgb, np.full(SIZE, level, np.uint8))] * 3)))
        assert all((frame.alpha == level).all() for frame in smoothed)


def test_threads_change_no_pixel() -> None:
    pairs, _ = blinking(5)
    alone = [frame.alpha for frame in smooth(0.7)(frames(pairs))]
    for threads in (2, 3, 8):
        beside = [frame.alpha for frame in smooth(0.7, threads=threads)(frames(pairs))]
        assert all(np.array_equal(first, second) for first, second in zip(alone, beside, strict=True))
