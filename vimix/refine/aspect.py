"""A window of a given shape (9:16, 1:1, 16:9) over a whole clip, placed by its subject.

It stands still where one place shows the subject from first to last. Else it pans along, as smoothly as the subject
allows. It is as large as the picture allows, and larger, with clear room around, where the subject would be cut.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Frame, Pixels, Stage
from vimix.refine.geometry import SEEN, Box, crop, each, grown

_PAD = 0.02
"""Room around the subject, as a share of its longer side: as `subject_box` leaves."""
_SMOOTH_SECONDS = 1.0
"""Standard deviation of the pan's smoothing: shorter follows every step, longer leaves the subject off centre."""
_ROUNDS = 8
"""Times that the path is pushed, smoothly, to where it shows the whole subject; the last step is not smooth."""

Span = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Where the subject begins and ends along one axis, in pixels, frame by frame."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of each picture, of one size. It may reach beyond the picture."""

    width: int
    height: int
    times: tuple[Fraction, ...]
    corners: tuple[tuple[int, int], ...]
    """Left and top at each of `times`, in pixels."""

    def at(self, time: Fraction) -> Box:
        """The window at that time, or at the last time before it."""
        x, y = self.corners[max(0, bisect_right(self.times, time) - 1)]
        return Box(x, y, self.width, self.height)


def window(alphas: Iterable[tuple[Fraction, Pixels]], width: int, height: int, shape: Fraction) -> Window | None:
    """The window of that shape (width over height) for the subject of all `alphas`, each with its time, in pictures of
    `width` and `height`; None where nothing shows. `alphas` may have another size than the pictures."""
    times, boxes = list[Fraction](), list[tuple[float, float, float, float] | None]()
    for time, alpha in alphas:
        x, y, w, h = cv2.boundingRect((alpha >= SEEN).view(np.uint8))
        tall, wide = alpha.shape
        times.append(time)
        boxes.append(
            (x / wide * width, y / tall * height, (x + w) / wide * width, (y + h) / tall * height) if w else None
        )
    seen = [number for number, box in enumerate(boxes) if box]
    if not seen:
        return None
    moments = np.array([float(time) for time in times])
    known = np.array([box for box in boxes if box])
    left, top, right, bottom = (np.interp(moments, moments[seen], known[:, side]) for side in range(4))
    room = _PAD * max(float((right - left).max()), float((bottom - top).max()))
    needed = float((right - left).max()) + 2 * room, float((bottom - top).max()) + 2 * room
    across, down = _size(width, height, shape, needed)
    sigma = _SMOOTH_SECONDS * len(times) / max(1e-6, float(moments[-1] - moments[0])) if len(times) > 1 else 1.0
    xs = _path((left, right), across, width, room, sigma)
    ys = _path((top, bottom), down, height, room, sigma)
    return Window(across, down, tuple(times), tuple(zip(xs.tolist(), ys.tolist(), strict=True)))


def crop_along(place: Window) -> Stage:
    """Keep the window; what of it lies beyond a picture is clear."""
    return each(lambda frame: _part(frame, place.at(frame.time)))


def _size(width: int, height: int, shape: Fraction, needed: tuple[float, float]) -> tuple[int, int]:
    """The largest that lies in the picture, or larger where the subject needs it; even, as video needs."""
    down = max(min(float(height), width / float(shape)), needed[1], needed[0] / float(shape))
    return max(2, 2 * round(down * float(shape) / 2)), max(2, 2 * round(down / 2))


def _path(span: Span, size: int, limit: int, room: float, sigma: float) -> NDArray[np.int64]:
    """Where a window of `size` pixels begins, along an axis of `limit` pixels, frame by frame."""
    begin, end = span[0] - room, span[1] + room
    inside = (min(0, limit - size), max(0, limit - size)) if size <= limit else ((limit - size) // 2,) * 2
    if size > limit:
        return np.full(len(begin), inside[0], np.int64)
    if end.max() - begin.min() <= size:
        at = np.clip((begin.min() + end.max() - size) / 2, *inside)
        return np.full(len(begin), round(float(at)), np.int64)
    lowest, highest = np.minimum(end - size, begin), np.maximum(end - size, begin)
    path = _smoothed(np.clip((begin + end - size) / 2, *inside), sigma)
    for _ in range(_ROUNDS):
        missing = np.clip(path, lowest, highest) - path
        path = path + _smoothed(missing, sigma / 4)
    return np.rint(np.clip(np.clip(path, lowest, highest), *inside)).astype(np.int64)


def _smoothed(path: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    reach = max(1, round(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(path, reach, mode="reflect", reflect_type="odd")  # what moves at the ends goes on moving
    return np.convolve(padded, weights / weights.sum(), mode="valid")


def _part(frame: Frame, box: Box) -> Frame:
    tall, wide = frame.alpha.shape
    x, y = max(0, box.x), max(0, box.y)
    right, bottom = min(wide, box.x + box.width), min(tall, box.y + box.height)
    part = crop(frame, Box(x, y, right - x, bottom - y))
    return grown(part, y - box.y, box.y + box.height - bottom, x - box.x, box.x + box.width - right)
