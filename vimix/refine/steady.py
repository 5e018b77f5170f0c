"""Calm mattes: what blinks for a frame is averaged away along the motion, over the past and the coming frame.

Only the change is computed small (480 pixels on the long side): the matte's neighbours in time are moved here by
optical flow, each pixel believed as far as the moved picture looks like this one, and the difference that the average
makes is added to the full-size matte. So edges keep the sharpness of their own frame, fast things leave no ghost, and
a cut, where nothing fits, is not smeared. One frame is waited for, and two small ones are remembered.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from typing import Any

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Frame, Frames, Pixels, Stage

cv2: Any = typed_cv2  # its stubs know neither DIS nor what a function does to an array's type
Plane = NDArray[np.float32]

_SIDE = 480
_MISTAKE = 12.0
"""Grey levels by which a moved picture may miss before it is hardly believed."""
_PAST, _COMING = 2.0, 1.0
"""Weights of the neighbours at full strength, against 1 for the frame itself. The past remembers its own past."""
_LEAST = 2
"""A change of fewer levels of 255 is not worth touching the matte for."""


@dataclass(slots=True)
class _Small:
    """A frame as small as motion needs it."""

    frame: Frame
    grey: Pixels
    alpha: Plane
    """0-255."""
    calm: Plane | None = None
    """The average that was made of it."""


def steady(strength: float) -> Stage:
    """Calm the flicker of what passes; `strength` 0-1. Frames come out one later."""

    def stage(frames: Iterable[Frame]) -> Frames:
        before: _Small | None = None
        here: _Small | None = None
        try:
            for frame in frames:
                coming = _shrunk(frame)
                if here is not None:
                    yield _calmed(before, here, coming, strength)
                before, here = here, coming
            if here is not None:
                yield _calmed(before, here, None, strength)
        finally:
            if isinstance(frames, Generator):
                frames.close()

    return stage


def _shrunk(frame: Frame) -> _Small:
    height, width = frame.alpha.shape
    by = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * by)), max(1, round(height * by))
    grey = cv2.cvtColor(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    alpha = cv2.resize(np.ascontiguousarray(frame.alpha), size, interpolation=cv2.INTER_AREA)
    return _Small(frame, grey, alpha.astype(np.float32))


def _calmed(before: _Small | None, here: _Small, coming: _Small | None, strength: float) -> Frame:
    total, weight = here.alpha.copy(), np.ones_like(here.alpha)
    for there, most in ((before, _PAST), (coming, _COMING)):
        if there is None or there.grey.shape != here.grey.shape:
            continue
        brought, belief = _moved(here, there)
        weight += most * strength * belief
        total += most * strength * belief * brought
    here.calm = total / weight
    change = here.calm - here.alpha
    if float(np.abs(change).max()) < _LEAST:
        return here.frame
    height, width = here.frame.alpha.shape
    full = cv2.resize(change, (width, height), interpolation=cv2.INTER_LINEAR)
    alpha = np.rint(full + here.frame.alpha).clip(0, 255).astype(np.uint8)
    return replace(here.frame, alpha=alpha)


def _moved(here: _Small, there: _Small) -> tuple[Plane, Plane]:
    """The neighbour's matte brought here, and 0-1 how far to believe it."""
    solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    way = solver.calc(here.grey, there.grey, None)
    rows, columns = np.indices(here.grey.shape, np.float32)
    x, y = columns + way[..., 0], rows + way[..., 1]
    alpha = there.calm if there.calm is not None else there.alpha
    brought = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.remap(there.grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    miss = cv2.blur(cv2.absdiff(here.grey, seen), (5, 5)).astype(np.float32)
    return brought, np.asarray(np.exp(-((miss / _MISTAKE) ** 2)), np.float32)
