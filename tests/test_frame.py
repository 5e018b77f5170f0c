"""Stages one after another are one stage, and are closed last to first however it ends."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vimix.frame import Frame, Frames, Stage, chained, opaque


def clip(count: int) -> Frames:
    for place in range(count):
        yield Frame(np.full((4, 6, 3), place, np.uint8), opaque(4, 6), Fraction(place, 5), Fraction(1, 5))


def adding(number: int, log: list[int], *, broken_at: int = 99) -> Stage:
    def stage(frames: Iterable[Frame]) -> Frames:
        try:
            for place, frame in enumerate(frames):
                if place == broken_at:
                    raise ValueError("broken")
                yield replace(frame, rgb=frame.rgb * 2 + np.uint8(number))
        finally:
            log.append(number)

    return stage


def test_first_to_last() -> None:
    frames = list(chained([adding(1, []), adding(0, [])])(clip(3)))
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == [2, 6, 10]
    assert [frame.time for frame in frames] == [Fraction(place, 5) for place in range(3)]


def test_no_stage_changes_nothing() -> None:
    assert [int(frame.rgb[0, 0, 0]) for frame in chained([])(clip(3))] == [0, 1, 2]


def test_closed_last_to_first() -> None:
    log: list[int] = []
    frames = chained([adding(1, log), adding(2, log), adding(3, log)])(clip(3))
    next(frames)
    assert not log
    frames.close()
    assert log == [3, 2, 1]


def test_closed_while_somebody_holds_the_error() -> None:
    log: list[int] = []
    with pytest.raises(ValueError, match="broken") as held:
        list(chained([adding(1, log), adding(2, log, broken_at=1), adding(3, log)])(clip(3)))
    assert sorted(log) == [1, 2, 3]
    assert held.value
