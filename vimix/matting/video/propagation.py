"""What lies between the frames that the network looked at: mattes carried along the motion from both sides."""

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import cv2 as typed_cv2
import numpy as np

from vimix.frame import Pixels
from vimix.imaging.optical_flow import EDGE, Flow, belief, chained, flow, moved
from vimix.matting.video.appearance import shrink
from vimix.matting.video.segments import Shot

cv2: Any = typed_cv2  # its stubs do not know what a function does to an array's type

_LEAST = 0.02
"""Belief that is left where nothing fits."""


class Gap(NamedTuple):
    """Shots of which the first and the last are looked at; `ways` lead from each of the others to the first."""

    shots: Sequence[Shot]
    ways: Sequence[Flow]


class _Side(NamedTuple):
    """A matte on one side of a frame, and how it is brought there."""

    alpha: Pixels
    """(H, W)."""
    small: Pixels
    """The same matte, (h, w)."""
    way: Flow
    """From the frame to there."""
    weight: Flow
    """(h, w)."""


class Stretch(NamedTuple):
    """Shots that come out together, as soon as the gaps are filled: that happens beside the next looks."""

    shots: Sequence[Shot]
    gaps: Sequence[Gap] = ()


def filled(stretch: Stretch) -> Sequence[Shot]:
    """Its shots, each with its alpha."""
    for shot in stretch.shots:
        if shot.fused is not None:
            shot.matte()
    for gap in stretch.gaps:
        _fill(gap)
    return stretch.shots


def _fill(gap: Gap) -> None:
    first, last = gap.shots[0], gap.shots[-1]
    mattes = first.matte(), last.matte()
    small = shrink(mattes[0]), shrink(mattes[1])
    for at, (here, onward) in enumerate(ways_to_first(gap.shots[:0:-1]), 2):
        back = gap.ways[-at]
        share = (at - 1) / len(gap.ways)
        sure = belief(here.small.rgb, first.small.rgb, back), belief(here.small.rgb, last.small.rgb, onward)
        past = _Side(mattes[0], small[0], back, share * (sure[0] + _LEAST))
        coming = _Side(mattes[1], small[1], onward, (1 - share) * (sure[1] + _LEAST))
        here.alpha = _carried(past, coming)


def _carried(*sides: _Side) -> Pixels:
    """The matte (H, W) of a frame between two that have one: both moved here, and weighed."""
    (height, width), (rows, columns) = sides[0].alpha.shape, sides[0].way.shape[:2]
    alpha = np.zeros((height, width), np.uint8)
    left, top, wide, high = cv2.boundingRect(cv2.max(*(moved(side.small, side.way) for side in sides)))
    if not wide:
        return alpha
    part = slice(max(0, top - 2), min(rows, top + high + 2)), slice(max(0, left - 2), min(columns, left + wide + 2))
    by = height / rows, width / columns
    place = tuple(slice(round(one.start * b), round(one.stop * b)) for one, b in zip(part, by, strict=True))
    down, across = (np.arange(one.start, one.stop, dtype=np.float32) for one in place)
    size = len(across), len(down)
    brought, weights = [], []
    for side in sides:
        x, y = (
            cv2.resize(cv2.multiply(one, b), size) for one, b in zip(cv2.split(side.way[part]), by[::-1], strict=True)
        )
        x += across
        y += down[:, None]
        brought.append(cv2.remap(side.alpha, x, y, cv2.INTER_LINEAR, borderMode=EDGE))
        weights.append(cv2.resize(side.weight[part], size))
    alpha[place] = cv2.blendLinear(*brought, *weights)
    return alpha


def ways_to_first(shots: Sequence[Shot]) -> Generator[tuple[Shot, Flow], None, None]:
    """Each shot after the first, in turn, and the flow from it to the first."""
    way: Flow | None = None
    for before, here in pairwise(shots):
        known = here.step if here.before is before.small else None
        step = flow(here.small.grey, before.small.grey) if known is None else known
        way = step if way is None else chained(step, way)
        yield here, way
