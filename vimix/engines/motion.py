"""How pixels move between the frames of a window, and mattes with them."""

import functools
from typing import Any, TypeVar

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Pixels

Flow = NDArray[np.float32]
"""(h, w, 2): where a pixel of this frame is in the other, in pixels (x, y) to be added."""

cv2: Any = typed_cv2  # its stubs know neither DIS nor what a function does to an array's type
Some = TypeVar("Some", bound=NDArray[Any])

_MISTAKE = 16.0
"""Levels of 255 by which a moved frame may miss before it is hardly believed."""


def flow(here: Pixels, there: Pixels) -> Flow:
    """From one small grey picture to another (DIS: Kroeger et al. 2016)."""
    solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(solver.calc(here, there, None), np.float32)


def grid(shape: tuple[int, ...]) -> Flow:
    """Every pixel's own place."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.dstack([columns, rows])


def moved(there: Some, way: Flow) -> Some:
    """A plane of the other frame, brought here along the flow from here to there, which may be smaller than it."""
    if way.shape[:2] != there.shape[:2]:
        height, width = there.shape[:2]
        by = np.array([width / way.shape[1], height / way.shape[0]], np.float32)
        way = cv2.resize(way, (width, height), interpolation=cv2.INTER_LINEAR) * by
    return np.asarray(
        cv2.remap(there, grid(there.shape) + way, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def chained(first: Flow, then: Flow) -> Flow:
    """The flow from here to there and on from there."""
    return first + moved(then, first)


def belief(here: Pixels, there: Pixels, way: Flow) -> Flow:
    """0-1 a pixel: how well the other small picture (h, w, 3), moved, agrees with this one."""
    apart = functools.reduce(cv2.max, cv2.split(cv2.absdiff(here, moved(there, way))))
    miss = cv2.blur(apart, (5, 5)).astype(np.float32) / np.float32(_MISTAKE)
    return np.asarray(cv2.exp(-miss * miss), np.float32)


def carried(alphas: tuple[Pixels, Pixels], ways: tuple[Flow, Flow], weights: tuple[Flow, Flow]) -> Pixels:
    """The matte between two frames that have one: both moved here, weighed by belief (small planes)."""
    height, width = alphas[0].shape
    total = weights[0] + weights[1]
    share = cv2.resize(weights[0] / np.maximum(total, 1e-6), (width, height), interpolation=cv2.INTER_LINEAR)
    left, right = (moved(alpha, way).astype(np.float32) for alpha, way in zip(alphas, ways, strict=True))
    return np.asarray(np.rint(right + (left - right) * share), np.uint8)
