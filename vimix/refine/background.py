"""What is put behind a cut-out: a colour, its own background blurred, a picture, or a video. Frames come out opaque."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from math import ceil

import cv2
import numpy as np

from vimix.concurrency.threads import ahead
from vimix.errors import Unreadable
from vimix.frame import Frame, Frames, Pixels, Stage, opaque
from vimix.refine.geometry import Box, crop, each, over_plain, scaled

Clip = Callable[[], Frames]
"""Begins a background clip anew: called once more each time it has ended."""

_SHORTEST = Fraction(1, 100)
"""Seconds a frame of the background is shown at least, so that a clip whose times lie cannot be spun without end."""
_BLUR = 1 / 40
"""Radius of the blur, of the picture's longer side."""


def over(background: str | Clip) -> Stage:
    """Lay frames over `background`: `#rrggbb`, `blur` (the frame's own surroundings), or a clip of one or many frames.

    A clip is scaled to cover the frame, centred, shown by its own times and begun again when it ends. Raises
    `Unreadable` when it holds no frame, and whatever reading it raises.
    """
    if callable(background):
        return _over_clip(background)
    if background == "blur":
        return each(lambda frame: laid_over(frame, _surroundings(frame)))
    red, green, blue = bytes.fromhex(background.removeprefix("#"))

    def work(frame: Frame) -> Frame:
        return laid_over(frame, np.broadcast_to(np.array([red, green, blue], np.uint8), frame.rgb.shape))

    return each(work)


def laid_over(frame: Frame, below: Pixels) -> Frame:
    """`frame` on `below`, (H, W, 3). Opaque pixels stay as they are."""
    alpha = np.ascontiguousarray(frame.alpha)
    rgb = np.array(below, order="C")
    x, y, w, h = cv2.boundingRect(alpha)
    if w:
        part = (slice(y, y + h), slice(x, x + w))
        share = cv2.merge((alpha[part],) * 3)
        upper = cv2.multiply(frame.rgb[part], share, scale=1 / 255)
        rgb[part] = cv2.add(upper, cv2.multiply(rgb[part], cv2.bitwise_not(share), scale=1 / 255))
    return replace(frame, rgb=rgb, alpha=opaque(*alpha.shape))


def _surroundings(frame: Frame) -> Pixels:
    """The frame blurred without its subject: colours weighed by how clear they are, from further away behind it."""
    height, width = frame.alpha.shape
    small = (max(1, width // 8), max(1, height // 8))
    # only what is wholly clear: under half clear lie the edges' and the shadow's own colours
    hidden = cv2.resize((frame.alpha > 0).view(np.uint8) * np.uint8(255), small, interpolation=cv2.INTER_AREA)
    clear = 1.000001 - cv2.dilate(hidden, np.ones((3, 3)))[..., None].astype(np.float32) / 255
    rgb = cv2.resize(frame.rgb, small, interpolation=cv2.INTER_AREA)
    weighed = np.concatenate([rgb * clear, clear], axis=2)
    total = np.zeros_like(weighed)
    for share, reach in ((1.0, 1), (1e-2, 4), (1e-4, 16)):
        side = 2 * round(max(small) * _BLUR * reach) + 1
        total += share * cv2.stackBlur(weighed, (side, side))
    blurred = (total[..., :3] / total[..., 3:]).clip(0, 255)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR) + 0.5, np.uint8)


def _over_clip(begin: Clip) -> Stage:
    def stage(frames: Iterable[Frame]) -> Frames:
        below: Pixels | None = None
        with closing(ahead(_looped(begin), depth=2)) as plates:
            plate = next(plates)
            until = _lasts(plate)
            for frame in frames:
                while until <= frame.time and (following := next(plates, None)) is not None:
                    plate, below = following, None
                    until += _lasts(plate)
                if below is None or below.shape != frame.rgb.shape:
                    below = _covering(plate, frame.alpha.shape[1], frame.alpha.shape[0])
                yield laid_over(frame, below)

    return stage


def _looped(begin: Clip) -> Frames:
    """The clip's frames again and again; a still picture once."""
    count = 2
    while count > 1:
        count = 0
        with closing(begin()) as frames:
            for frame in frames:
                count += 1
                yield frame
    if count == 0:
        raise Unreadable("The background file has no picture in it.")


def _lasts(frame: Frame) -> Fraction:
    return max(frame.duration, _SHORTEST)


def _covering(plate: Frame, width: int, height: int) -> Pixels:
    """`plate` scaled to cover `width` and `height`, centred; what is clear in it is white."""
    tall, wide = plate.alpha.shape
    scale = max(Fraction(width, wide), Fraction(height, tall))
    across, down = min(wide, ceil(width / scale)), min(tall, ceil(height / scale))
    x, y = (wide - across) // 2, (tall - down) // 2
    plate = crop(plate, Box(x, y, across, down))
    return over_plain(scaled(plate, width, height), 255, np.full((height, width), 255, np.uint8)).rgb
