from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from vimix.frame import Frame, Pixels
from vimix.refine.quality import Watch

SIZE = (90, 160)


def square(side: int, level: int = 255) -> Pixels:
    alpha = np.zeros(SIZE, np.uint8)
    alpha[10 : 10 + side, 20 : 20 + side] = level
    return alpha


def frames(mattes: Sequence[Pixels]) -> Iterator[Frame]:
    for at, alpha in enumerate(mattes):
        yield Frame(np.full((*SIZE, 3), 90, np.uint8), alpha, Fraction(at, 10), Fraction(1, 10))


def watched(mattes: Sequence[Pixels], name: str = "after") -> Watch:
    watch = Watch()
    assert [frame.alpha is alpha for frame, alpha in zip(watch.stage(name)(frames(mattes)), mattes, strict=True)]
    return watch


def test_a_calm_clip_leaves_no_doubt() -> None:
    watch = watched([square(40)] * 5)
    assert watch.doubtful_frames == []
    assert watch.flicker == {"after": 0.0}
    assert abs(watch.coverage - 1600 / (90 * 160)) < 1e-3


def test_empty_jumping_and_unsure_frames_are_told_with_their_time() -> None:
    watch = watched([square(40), square(40), square(0), square(40), square(40), square(70), square(40, 120)])
    assert {(doubt["frame"], doubt["why"]) for doubt in watch.doubtful_frames} >= {(2, "empty"), (5, "jump")}
    assert {"frame": 2, "time": 0.2, "why": "empty"} in watch.doubtful_frames
    assert watched([square(40, 120)] * 3).doubtful_frames[1]["why"] == "unsure"


def test_flicker_is_what_changes_where_the_picture_does_not() -> None:
    blinking = watched([square(40), square(36)] * 3, "before")
    assert 5 < blinking.flicker["before"] < 40

    moving = Watch()
    pictures = [np.full((*SIZE, 3), 40 * (at % 2), np.uint8) for at in range(6)]
    pairs = zip(pictures, [square(40), square(36)] * 3, strict=True)
    list(moving.stage("after")(Frame(rgb, alpha, Fraction(0), Fraction(1)) for rgb, alpha in pairs))
    assert moving.flicker["after"] == 0


def test_a_second_pass_begins_anew_and_nothing_seen_is_nothing_told() -> None:
    watch = watched([square(0)] * 3)
    assert len(watch.doubtful_frames) == 3
    list(watch.stage("after")(frames([square(40)] * 3)))
    assert watch.doubtful_frames == []
    assert Watch().coverage == 0
    assert Watch().flicker == {}
