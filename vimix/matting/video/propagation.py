"""Mattes between two keyframes: warped along the optical flow from both sides, and blended."""

from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import cv2 as typed_cv2
import numpy as np

from vimix.frame import Pixels
from vimix.imaging.optical_flow import EDGE, Flow, compose, consistency, optical_flow, warp
from vimix.matting.video.segments import FrameGroup
from vimix.matting.video.small import shrink

cv2: Any = typed_cv2  # its stubs do not know what a function does to an array's type

_LEAST = 0.02
"""Weight that is left where neither side is consistent: the mean of both then, instead of nothing."""


class Interval(NamedTuple):
    """Frame groups of which the first and the last are keys; `flows` lead from each of the others to the first."""

    groups: Sequence[FrameGroup]
    flows: Sequence[Flow]


class _Side(NamedTuple):
    """A key's matte on one side of a frame, and how it is warped there."""

    alpha: Pixels
    """(H, W)."""
    small: Pixels
    """The same matte, (h, w)."""
    flow: Flow
    """From the frame to there."""
    weight: Flow
    """(h, w)."""


class Chunk(NamedTuple):
    """Frame groups that come out together, once `propagate` has filled their intervals beside the next predictions."""

    groups: Sequence[FrameGroup]
    intervals: Sequence[Interval] = ()


def propagate(chunk: Chunk) -> Sequence[FrameGroup]:
    """The groups of a chunk, each with its alpha."""
    for group in chunk.groups:
        if group.fused is not None:
            group.matte()
    for interval in chunk.intervals:
        _fill(interval)
    return chunk.groups


def _fill(interval: Interval) -> None:
    first, last = interval.groups[0], interval.groups[-1]
    mattes = first.matte(), last.matte()
    small = shrink(mattes[0]), shrink(mattes[1])
    for at, (here, onward) in enumerate(flows_to_first(interval.groups[:0:-1]), 2):
        back = interval.flows[-at]
        share = (at - 1) / len(interval.flows)
        agreement = (
            consistency(here.small.rgb, first.small.rgb, back),
            consistency(here.small.rgb, last.small.rgb, onward),
        )
        past = _Side(mattes[0], small[0], back, share * (agreement[0] + _LEAST))
        coming = _Side(mattes[1], small[1], onward, (1 - share) * (agreement[1] + _LEAST))
        here.alpha = _blended(past, coming)


def _blended(*sides: _Side) -> Pixels:
    """The matte (H, W) of a frame between two keys: both warped here, and blended by their weights."""
    (height, width), (rows, columns) = sides[0].alpha.shape, sides[0].flow.shape[:2]
    alpha = np.zeros((height, width), np.uint8)
    left, top, wide, high = cv2.boundingRect(cv2.max(*(warp(side.small, side.flow) for side in sides)))
    if not wide:
        return alpha
    part = slice(max(0, top - 2), min(rows, top + high + 2)), slice(max(0, left - 2), min(columns, left + wide + 2))
    by = height / rows, width / columns
    place = tuple(slice(round(one.start * b), round(one.stop * b)) for one, b in zip(part, by, strict=True))
    down, across = (np.arange(one.start, one.stop, dtype=np.float32) for one in place)
    size = len(across), len(down)
    warped, weights = [], []
    for side in sides:
        x, y = (
            cv2.resize(cv2.multiply(one, b), size) for one, b in zip(cv2.split(side.flow[part]), by[::-1], strict=True)
        )
        x += across
        y += down[:, None]
        warped.append(cv2.remap(side.alpha, x, y, cv2.INTER_LINEAR, borderMode=EDGE))
        weights.append(cv2.resize(side.weight[part], size))
    alpha[place] = cv2.blendLinear(*warped, *weights)
    return alpha


def flows_to_first(groups: Sequence[FrameGroup]) -> Generator[tuple[FrameGroup, Flow], None, None]:
    """Each group after the first, in turn, and the flow from it to the first."""
    flow: Flow | None = None
    for before, here in pairwise(groups):
        known = here.step() if here.before is before.small else None
        step = optical_flow(here.small.grey, before.small.grey) if known is None else known
        flow = step if flow is None else compose(step, flow)
        yield here, flow
