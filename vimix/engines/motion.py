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

_EDGE = cv2.BORDER_REPLICATE
_MISTAKE = 16.0
"""Levels of 255 by which a moved frame may miss before it is hardly believed."""


def flow(here: Pixels, there: Pixels) -> Flow:
    """From one small grey picture to another (DIS: Kroeger et al. 2016)."""
    solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(solver.calc(here, there, None), np.float32)


def moved(there: Some, way: Flow) -> Some:
    """A plane of the other frame, brought here along the flow from here to there."""
    brought: Some = cv2.remap(there, way, None, cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP, borderMode=_EDGE)
    return brought


def chained(first: Flow, then: Flow) -> Flow:
    """The flow from here to there and on from there."""
    return first + moved(then, first)


def belief(here: Pixels, there: Pixels, way: Flow) -> Flow:
    """0-1 a pixel: how well the other small picture (h, w, 3), moved, agrees with this one."""
    apart = functools.reduce(cv2.max, cv2.split(cv2.absdiff(here, moved(there, way))))
    miss = cv2.blur(apart, (5, 5)).astype(np.float32) / np.float32(_MISTAKE)
    return np.asarray(cv2.exp(-miss * miss), np.float32)


def carried(alphas: tuple[Pixels, Pixels], ways: tuple[Flow, Flow], weights: tuple[Flow, Flow]) -> Pixels:
    """The matte (H, W) between two frames that have one: both moved here along small flows, weighed by small planes."""
    (height, width), (rows, columns) = alphas[0].shape, ways[0].shape[:2]
    size = columns, rows
    tiny = [
        moved(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), way)
        for alpha, way in zip(alphas, ways, strict=True)
    ]
    left, top, wide, high = cv2.boundingRect(cv2.max(*tiny))
    alpha = np.zeros((height, width), np.uint8)
    if not wide:
        return alpha
    y, x = height / rows, width / columns
    part = slice(max(0, top - 2), min(rows, top + high + 2)), slice(max(0, left - 2), min(columns, left + wide + 2))
    begins = round(part[0].start * y), round(part[1].start * x)
    ends = round(part[0].stop * y), round(part[1].stop * x)
    extent = ends[1] - begins[1], ends[0] - begins[0]
    places = np.dstack(np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)))
    sides = []
    for matte, way, weight in zip(alphas, ways, weights, strict=True):
        to = (way[part] + places[part] + np.float32(0.5)) * np.array([x, y], np.float32) - np.float32(0.5)
        to = cv2.resize(to, extent, interpolation=cv2.INTER_LINEAR)
        brought = cv2.remap(matte, to, None, cv2.INTER_LINEAR, borderMode=_EDGE)
        sides.append((brought, cv2.resize(weight[part], extent, interpolation=cv2.INTER_LINEAR)))
    (first, much), (last, more) = sides
    alpha[begins[0] : ends[0], begins[1] : ends[1]] = cv2.blendLinear(first, last, much, more)
    return alpha
