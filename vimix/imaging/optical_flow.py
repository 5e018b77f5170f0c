"""Dense optical flow between two small pictures, and how consistent the pictures are under it."""

import functools
from typing import Any, TypeVar

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Pixels

Flow = NDArray[np.float32]
"""(h, w, 2): the displacement (x, y), in pixels, from a pixel of this frame to the same point in the other."""

cv2: Any = typed_cv2  # its stubs know neither DIS nor what a function does to an array's type
Some = TypeVar("Some", bound=NDArray[Any])

EDGE, _QUICKEST = cv2.BORDER_REPLICATE, cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST
_NARROWEST = 32
"""Pixels of a side: with fewer, OpenCV's DIS picks its sizes by the width alone, fails, and where a picture is wide and
low reads beyond it. Such a picture goes on in its border's colours."""
_TOLERANCE = 16
"""Levels of 255 by which a warped picture may differ until its consistency is 1/e. Higher takes noise and changes of
light for consistent; lower takes them for motion that was not found."""
_CONSISTENCY = np.exp(-np.square(np.arange(256) / _TOLERANCE)).astype(np.float32)


_BETWEEN = 10
"""Pixels between the points of a flow that the camera's motion is found from: 1300 at 480x270, in about 1 ms."""
_OUTLIER = 1.0
"""Pixels by which a point may miss the camera's motion and still count for it: the flow's own mistakes."""


def optical_flow(here: Pixels, there: Pixels) -> Flow:
    """The flow from one small grey picture (h, w) to another of its size (DIS: Kroeger et al. 2016)."""
    below, right = (max(0, _NARROWEST - side) for side in here.shape)
    pair = (cv2.copyMakeBorder(each, 0, below, 0, right, EDGE) for each in (here, there))
    flow: Flow = cv2.DISOpticalFlow_create(_QUICKEST).calc(*pair, None)
    return flow[: here.shape[0], : here.shape[1]]


def warp(there: Some, flow: Flow) -> Some:
    """A plane (h, w) or (h, w, n) of the other frame, warped to this one by the flow from here to there (backward
    warping)."""
    warped: Some = cv2.remap(there, flow, None, cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP, borderMode=EDGE)
    return warped


def compose(first: Flow, then: Flow) -> Flow:
    """The flow from here to a third frame: the flow `first` from here to there, and `then` on from there."""
    return first + warp(then, first)


def camera_flow(flow: Flow) -> Flow:
    """(h, w, 2): the part of the flow that the camera's motion explains: a homography, found by RANSAC.

    Where none is found (a picture of a few pixels), it is the median of the flow.
    """
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[_BETWEEN // 2 : height : _BETWEEN, _BETWEEN // 2 : width : _BETWEEN]
    here = np.stack([columns, rows], -1).reshape(-1, 2).astype(np.float32)
    there = here + flow[rows, columns].reshape(-1, 2)
    found = None
    if len(here) >= 12:
        found, _ = cv2.findHomography(here, there, cv2.RANSAC, _OUTLIER, maxIters=300, confidence=0.995)
    if found is None:
        return np.broadcast_to(np.median(flow, axis=(0, 1)).astype(np.float32), flow.shape)
    matrix = found.astype(np.float32)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    across, down, depth = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return np.dstack([across / depth - x, down / depth - y])


def consistency(here: Pixels, there: Pixels, flow: Flow) -> Flow:
    """(h, w), 0-1: how well the other small picture (h, w, 3), warped, agrees with this one."""
    apart = functools.reduce(cv2.max, cv2.split(cv2.absdiff(here, warp(there, flow))))
    return np.asarray(cv2.LUT(cv2.blur(apart, (5, 5)), _CONSISTENCY), np.float32)
