"""A clip forwards and backwards."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from vimix.frame import Frame
from vimix.refine.ping_pong import ping_pong


@pytest.mark.parametrize(("count", "order"), [(0, ""), (1, "0"), (2, "01"), (5, "01234321")])
def test_frames_return_in_reverse_without_the_ends_twice(count: int, order: str) -> None:
    given = [
        Frame(
            np.full((4, 6, 3), place, np.uint8),
            np.full((4, 6), 10 * place, np.uint8),
            Fraction(place * place),
            Fraction(2 * place + 1),
        )
        for place in range(count)
    ]
    played = list(ping_pong()(given))
    assert "".join(str(frame.rgb[0, 0, 0]) for frame in played) == order
    for frame, after in pairwise(played):
        assert after.time == frame.time + frame.duration
    for frame in played:
        number = int(frame.rgb[0, 0, 0])
        assert (frame.alpha == 10 * number).all()
        assert frame.duration == 2 * number + 1
