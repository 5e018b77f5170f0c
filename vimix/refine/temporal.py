"""Calm mattes: what blinks for a frame is averaged away along the motion, over the past and the coming frame.

Only the change is computed small (320 pixels on the long side, around the subject): the matte's neighbours in time are
moved here by optical flow, each pixel believed as far as the moved picture looks like this one, and the difference that
the average makes is added to the full-size matte. So edges keep the sharpness of their own frame, fast things leave no
ghost, and a cut, where nothing fits, is not smeared. One frame is waited for, and two small ones are remembered.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from vimix.concurrency.threads import in_order
from vimix.frame import Frame, Frames, Pixels, Stage
from vimix.imaging.optical_flow import consistency, optical_flow, warp
from vimix.imaging.resize import shrunk, thumb

cv2: Any = typed_cv2  # its stubs do not know what a function does to an array's type
Plane = NDArray[np.float32]

_SIDE = 320
"""Pixels of the longer side at which motion is found: more follows finer motion and takes longer by the square."""
_MIDDLE = 2.0
"""How far, times strength, a frame goes to the median of itself and its neighbours: what only it says is a blink."""
_PAST, _COMING = 2.0, 1.0
"""Weights of the neighbours at full strength, against 1 for the frame itself. The past remembers its own past."""
_LEAST = 2
"""A change of fewer levels of 255 is not worth touching the matte for."""
_CUT = 25.0
"""Mean levels by which tiny pictures (16x9) on both sides of a cut differ, at least."""
_AROUND = 16
"""Small pixels around the subject in which motion is looked for."""


@dataclass(slots=True)
class _Small:
    """A frame as small as motion needs it."""

    frame: Frame
    rgb: Pixels
    grey: Pixels
    alpha: Plane
    """0-255."""
    smoothed: Plane
    """The average that was made of it; until then the same."""

    def fits(self, other: "_Small") -> bool:
        """Whether the two can be compared."""
        if self.grey.shape != other.grey.shape:
            return False
        tiny = [cv2.resize(small.rgb, (16, 9), interpolation=cv2.INTER_AREA) for small in (self, other)]
        return float(cv2.absdiff(*tiny).mean()) < _CUT


def smooth(strength: float, *, threads: int = 1) -> Stage:
    """Calm the flicker of what passes; `strength` 0-1. Frames come out one later.

    Each frame waits for what was made of the one before. With more than two `threads` the rest of the work is done
    beside that, to the same result.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        if threads > 2:
            changes = _changes(in_order(_shrunk, frames, workers=2), strength, side_by_side=True)
            return in_order(lambda pair: _changed(*pair), changes, workers=2)
        return _each_changed(_changes(_each_shrunk(frames), strength))

    return stage


def _each_shrunk(frames: Iterable[Frame]) -> Generator[_Small, None, None]:
    try:
        yield from map(_shrunk, frames)
    finally:
        if isinstance(frames, Generator):
            frames.close()


def _each_changed(changes: Generator[tuple[Frame, Plane | None], None, None]) -> Frames:
    with closing(changes):
        for frame, change in changes:
            yield _changed(frame, change)


def _changes(
    smalls: Generator[_Small, None, None], strength: float, *, side_by_side: bool = False
) -> Generator[tuple[Frame, Plane | None], None, None]:
    """Each frame and what is to be added to its matte, small; None: nothing."""
    before: _Small | None = None
    here: _Small | None = None
    with closing(smalls), ThreadPoolExecutor(1, thread_name_prefix="vimix-calm") as pool:
        run: Any = pool.map if side_by_side else map
        for coming in smalls:
            if here is not None:
                yield here.frame, _smoothed(before, here, coming, strength, run)
            before, here = here, coming
        if here is not None:
            yield here.frame, _smoothed(before, here, None, strength, run)


def _shrunk(frame: Frame) -> _Small:
    rgb = thumb(frame.rgb, _SIDE)
    alpha = shrunk(np.ascontiguousarray(frame.alpha), (rgb.shape[1], rgb.shape[0])).astype(np.float32)
    return _Small(frame, rgb, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), alpha, alpha)


def _smoothed(
    before: _Small | None, here: _Small, coming: _Small | None, strength: float, run: Callable[..., Any]
) -> Plane | None:
    """The change of a frame's matte; `run` moves both neighbours, perhaps at once."""
    near = [(there, most) for there, most in ((before, _PAST), (coming, _COMING)) if there and there.fits(here)]
    box = _box([here, *(there for there, _ in near)])
    if box is None or not near:
        return None
    own = here.alpha[box]
    # the last one here, the others wherever `run` does it
    others = run(lambda there: _warped(here, there, box), [there for there, _ in near[:-1]])
    last = _warped(here, near[-1][0], box)
    warped = [(*flow, most) for flow, (_, most) in zip([*others, last], near, strict=True)]
    if len(warped) == 2:
        (past, trust, _), (next_, faith, _) = warped
        middle = np.maximum(np.minimum(past, next_), np.minimum(np.maximum(past, next_), own))
        own = own + (middle - own) * np.minimum(trust, faith) * np.float32(min(1.0, _MIDDLE * strength))
    total, weight = own.copy(), np.ones_like(own)
    for there_alpha, sure, most in warped:
        weight += sure * np.float32(most * strength)
        total += there_alpha * sure * np.float32(most * strength)
    here.smoothed = here.alpha.copy()
    here.smoothed[box] = total / weight
    return here.smoothed - here.alpha


def _box(smalls: Sequence[_Small]) -> tuple[slice, slice] | None:
    """Where any of them has something, and some room around it."""
    some = np.maximum.reduce([small.smoothed for small in smalls]) > _LEAST
    left, top, width, height = cv2.boundingRect(some.astype(np.uint8))
    if not width:
        return None
    return (
        slice(max(0, top - _AROUND), top + height + _AROUND),
        slice(max(0, left - _AROUND), left + width + _AROUND),
    )


def _warped(here: _Small, there: _Small, box: tuple[slice, slice]) -> tuple[Plane, Plane]:
    """The neighbour's matte brought here, and 0-1 how far to believe it."""
    flow = optical_flow(here.grey[box], there.grey[box])
    return warp(there.smoothed[box], flow), consistency(here.rgb[box], there.rgb[box], flow)


def _changed(frame: Frame, change: Plane | None) -> Frame:
    """The frame with a small difference (0-255 levels) added to its matte, only where there is one."""
    if change is None:
        return frame
    left, top, width, height = cv2.boundingRect((np.abs(change) >= _LEAST).astype(np.uint8))
    if not width:
        return frame
    y, x = frame.alpha.shape[0] / change.shape[0], frame.alpha.shape[1] / change.shape[1]
    rows, columns = (slice(max(0, first - 1), first + extent + 1) for first, extent in ((top, height), (left, width)))
    part = change[rows, columns]
    place = (
        slice(round(rows.start * y), round((rows.start + part.shape[0]) * y)),
        slice(round(columns.start * x), round((columns.start + part.shape[1]) * x)),
    )
    alpha = np.array(frame.alpha)
    size = (place[1].stop - place[1].start, place[0].stop - place[0].start)
    more, less = (np.rint(sign * part).clip(0, 255).astype(np.uint8) for sign in (1, -1))
    more, less = (cv2.resize(each, size, interpolation=cv2.INTER_LINEAR) for each in (more, less))
    alpha[place] = cv2.subtract(cv2.add(alpha[place], more), less)
    return replace(frame, alpha=alpha)
