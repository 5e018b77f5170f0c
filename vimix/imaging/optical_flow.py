"""How pixels move between two small pictures, and how well that explains what is there."""

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

EDGE, _QUICKEST = cv2.BORDER_REPLICATE, cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST
_NARROWEST = 32
"""Pixels of a side: with fewer, OpenCV's DIS picks its sizes by the width alone, fails, and where a picture is wide and
low reads beyond it. Such a picture goes on in its border's colours."""
_MISTAKE = 16
"""Levels of 255 by which a moved picture may miss before it is hardly believed."""
_BELIEF = np.exp(-np.square(np.arange(256) / _MISTAKE)).astype(np.float32)


def flow(here: Pixels, there: Pixels) -> Flow:
    """From one small grey picture to another (DIS: Kroeger et al. 2016)."""
    below, right = (max(0, _NARROWEST - side) for side in here.shape)
    pair = (cv2.copyMakeBorder(each, 0, below, 0, right, EDGE) for each in (here, there))
    way: Flow = cv2.DISOpticalFlow_create(_QUICKEST).calc(*pair, None)
    return way[: here.shape[0], : here.shape[1]]


def moved(there: Some, way: Flow) -> Some:
    """A plane of the other frame, brought here along the flow from here to there."""
    brought: Some = cv2.remap(there, way, None, cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP, borderMode=EDGE)
    return brought


def chained(first: Flow, then: Flow) -> Flow:
    """The flow from here to there and on from there."""
    return first + moved(then, first)


def belief(here: Pixels, there: Pixels, way: Flow) -> Flow:
    """0-1 a pixel: how well the other small picture (h, w, 3), moved, agrees with this one."""
    apart = functools.reduce(cv2.max, cv2.split(cv2.absdiff(here, moved(there, way))))
    return np.asarray(cv2.LUT(cv2.blur(apart, (5, 5)), _BELIEF), np.float32)
