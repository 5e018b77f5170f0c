import random
from fractions import Fraction

import numpy as np
import pytest

from vimix.frame import Frame
from vimix.media.timing import Span, is_variable, lasting, limit_fps, mean_rate, schedule


def beats(fps: float, count: int) -> list[tuple[Fraction, int]]:
    return [(Fraction(number) / Fraction(fps).limit_denominator(1001), number) for number in range(count)]


def rounded(fps: int, count: int) -> list[tuple[Fraction, int]]:
    """As Matroska keeps them: to the millisecond."""
    return [(Fraction(round(number * 1000 / fps), 1000), number) for number in range(count)]


@pytest.mark.parametrize("fps", [12, 15, 23.976, 24, 29.97, 30, 60])
@pytest.mark.parametrize("most", [None, 8, 15, 20, 30])
def test_the_length_is_kept_exactly_at_any_rate(fps: float, most: int | None) -> None:
    items = beats(fps, 50)
    end = items[-1][0] + items[1][0]
    shown = list(schedule(items, end, Span(Fraction(0), end, Fraction(most) if most else None)))
    assert shown[0].time == 0
    assert sum(one.duration for one in shown) == end
    assert all(one.duration > 0 for one in shown)
    if most is None or most >= fps:
        assert len(shown) == 50
    else:
        assert len(shown) / end <= most + 1 / end
        assert len(shown) >= int(end * most * Fraction(9, 10))


def test_times_rounded_by_the_container_do_not_make_the_beat_stumble() -> None:
    shown = list(schedule(rounded(60, 61), Fraction(61, 60), Span(Fraction(0), Fraction(61, 60), Fraction(30))))
    assert [one.what for one in shown] == list(range(0, 61, 2))


def test_thirty_to_twenty_keeps_two_of_three() -> None:
    shown = list(schedule(beats(30, 12), Fraction(12, 30), Span(Fraction(0), Fraction(12, 30), Fraction(20))))
    assert [one.what for one in shown] == [0, 2, 3, 5, 6, 8, 9, 11]


def test_a_long_frame_is_neither_repeated_nor_followed_by_a_burst() -> None:
    items = [(Fraction(0), 0), (Fraction(1, 10), 1), (Fraction(3), 2), (Fraction(31, 10), 3), (Fraction(32, 10), 4)]
    shown = list(schedule(items, Fraction(33, 10), Span(Fraction(0), Fraction(33, 10), Fraction(5))))
    assert [one.what for one in shown] == [0, 1, 2, 4]
    assert sum(one.duration for one in shown) == Fraction(33, 10)


def test_a_part_begins_at_zero_and_has_its_whole_length() -> None:
    shown = list(schedule(beats(10, 30), Fraction(3), Span(Fraction("1.04"), Fraction("1.97"))))
    assert [one.what for one in shown] == list(range(10, 20))
    assert shown[0].time == 0
    assert shown[1].time == Fraction("0.06")
    assert sum(one.duration for one in shown) == Fraction("0.93")


def test_a_part_inside_one_long_frame_shows_that_frame() -> None:
    shown = list(schedule([(Fraction(0), "a"), (Fraction(9), "b")], Fraction(10), Span(Fraction(2), Fraction(3))))
    assert [(one.time, one.duration, one.what) for one in shown] == [(Fraction(0), Fraction(1), "a")]


def test_the_end_of_a_long_frame_is_shown() -> None:
    shown = list(schedule([(Fraction(0), "a"), (Fraction(3), "b")], Fraction(4), Span(Fraction(2), Fraction(4))))
    assert [one.what for one in shown] == ["a", "b"]


def test_time_that_stands_still_or_goes_back_is_left_out() -> None:
    items = [(Fraction(0), 0), (Fraction(1), 1), (Fraction(1), 2), (Fraction(1, 2), 3), (Fraction(2), 4)]
    assert [one.what for one in lasting(items, Fraction(3))] == [0, 1, 4]


def test_the_rate_a_file_says_is_taken_where_it_is_the_same() -> None:
    assert mean_rate(60, Fraction(2002, 1000), Fraction(30000, 1001)) == Fraction(30000, 1001)
    assert mean_rate(60, Fraction(4), Fraction(30)) == 15


def test_rounding_is_not_a_variable_rate() -> None:
    assert not is_variable([time for time, _ in rounded(30, 40)], Fraction(1, 1000))
    assert not is_variable([time for time, _ in beats(29.97, 40)], Fraction(1, 30000))
    assert is_variable([Fraction(0), Fraction(1, 10), Fraction(4, 10), Fraction(5, 10)], Fraction(1, 1000))


@pytest.mark.parametrize("seed", range(20))
def test_a_stage_leaves_out_the_same_frames_as_a_reader(seed: int) -> None:
    """A matte made at the clip's own rate and played back at a lower one, against a clip read at the lower rate."""
    chance = random.Random(seed)
    step, most = 1 / Fraction(chance.choice([12, 24, 25, 30, 60])), Fraction(chance.choice([5, 8, 10, 15, 20]))
    items = [(number * step, number) for number in range(50) if number == 0 or chance.random() < 0.9]
    end = 50 * step
    read = list(schedule(items, end, Span(Fraction(0), end, most)))
    rgb = np.zeros((1, 1, 3), np.uint8)
    frames = [Frame(rgb, np.full((1, 1), one.what, np.uint8), one.time, one.duration) for one in lasting(items, end)]
    staged = list(limit_fps(float(most))(frames))
    assert [(int(frame.alpha[0, 0]), frame.time, frame.duration) for frame in staged] == [
        (one.what, one.time, one.duration) for one in read
    ]


def test_twenty_of_twenty_four() -> None:
    shown = list(schedule(beats(24, 12), Fraction(1, 2), Span(Fraction(0), Fraction(1, 2), Fraction(20))))
    assert [one.what for one in shown] == [0, 1, 2, 4, 5, 6, 7, 8, 10, 11]


@pytest.mark.parametrize("seconds", [1, 2, 3.5])
def test_a_stage_ends_when_it_is_told_and_never_has_too_many(seconds: float) -> None:
    rgb, clear = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8)
    frames = [Frame(rgb, clear, Fraction(number, 12), Fraction(1, 12)) for number in range(29)]
    staged = list(limit_fps(5, seconds)(frames))
    assert sum(frame.duration for frame in staged) == Fraction(seconds)
    assert len(staged) <= 5 * seconds
