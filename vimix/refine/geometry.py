"""What happens to a cut-out after the matte is done: size, crop, outline, shadow. Nothing is looked at again.

Colours of clear pixels never show: every blend and every resize weighs a colour by its alpha. Enlarged canvases go
on in the colour of the border under clear alpha: a background made from the frame's own colours has no black rim.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np

from vimix.frame import Frame, Frames, Pixels, Stage, chained

SEEN = 13
"""Alpha from which a pixel belongs to the subject's box: five percent."""
_SHADE = 0.5
"""How much light the middle of a shadow takes."""


class Box(NamedTuple):
    """A part of a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int


def each(work: Callable[[Frame], Frame]) -> Stage:
    """A stage that does the same to every frame by itself."""

    def stage(frames: Iterable[Frame]) -> Frames:
        for frame in frames:
            yield work(frame)

    return stage


def invert(matting: Sequence[Stage]) -> Stage:
    """Keep what the stages `matting` remove; what was clear before them stays clear."""

    def stage(frames: Iterable[Frame]) -> Frames:
        given: deque[tuple[Fraction, Pixels]] = deque()

        def remembered() -> Frames:
            for frame in frames:
                given.append((frame.time, frame.alpha))
                yield frame

        with closing(remembered()) as kept, closing(chained(matting)(kept)) as matted:
            for frame in matted:
                while given[0][0] < frame.time:
                    given.popleft()
                yield replace(frame, alpha=np.asarray(cv2.subtract(given[0][1], frame.alpha), np.uint8))

    return stage


def resize(width: int) -> Stage:
    """Scale to `width` pixels; the height follows."""

    def work(frame: Frame) -> Frame:
        height = round(Fraction(frame.alpha.shape[0] * width, frame.alpha.shape[1]))
        return scaled(frame, width, max(1, height))

    return each(work)


def crop_to(box: Box) -> Stage:
    """Keep `box`, which must lie inside the frames."""
    return each(lambda frame: crop(frame, box))


def subject_box(alphas: Iterable[Pixels], width: int, height: int, pad: float = 0.02) -> Box | None:
    """The one box around the subject of all `alphas`, in a picture of `width` and `height`; None where nothing shows.

    `alphas` may have another size than that picture. The box is padded by `pad` of its longer side, and its corners
    lie on even pixels, which video with halved colour planes needs.
    """
    left, top, right, bottom = 1.0, 1.0, 0.0, 0.0
    for alpha in alphas:
        x, y, w, h = cv2.boundingRect((alpha >= SEEN).view(np.uint8))
        if w:
            tall, wide = alpha.shape
            left, right = min(left, x / wide), max(right, (x + w) / wide)
            top, bottom = min(top, y / tall), max(bottom, (y + h) / tall)
    if left >= right:
        return None
    room = pad * max((right - left) * width, (bottom - top) * height)
    x0, x1 = _even_span(left * width - room, right * width + room, width)
    y0, y1 = _even_span(top * height - room, bottom * height + room, height)
    return Box(x0, y0, x1 - x0, y1 - y0)


def outline_margin(outline: int, shade: int) -> int:
    """Pixels by which a `stroke` and a `shadow` that grow widen the canvas on each side."""
    return (_up_to_even(outline + 1) if outline else 0) + _up_to_even(shade)


def stroke(pixels: int, *, grow: bool = False) -> Stage:
    """A white outline, `pixels` wide. `grow` enlarges the canvas so that it closes around a subject at the border."""

    def work(frame: Frame) -> Frame:
        room = _up_to_even(pixels + 1) if grow else 0
        frame = grown(frame, room, room, room, room)
        away = cv2.distanceTransform((frame.alpha < 128).view(np.uint8), cv2.DIST_L2, 5)
        outline = cv2.blur(cv2.convertScaleAbs(pixels + 1 - away.clip(pixels, pixels + 1), alpha=255), (3, 3))
        return over_plain(frame, 255, np.asarray(outline, np.uint8))

    return each(work)


def shadow(pixels: int, *, grow: bool = False) -> Stage:
    """A soft dark shadow below, `pixels` of blur and half as far down. `grow` enlarges the canvas to hold it."""

    def work(frame: Frame) -> Frame:
        side, down = _up_to_even(pixels), pixels // 2
        if grow:
            frame = grown(frame, _up_to_even(pixels - down), _up_to_even(pixels + down), side, side)
        alpha = cv2.convertScaleAbs(np.ascontiguousarray(frame.alpha), alpha=_SHADE)
        fallen = cv2.copyMakeBorder(alpha, down, 0, 0, 0, cv2.BORDER_CONSTANT, value=0)[: alpha.shape[0]]
        soft = cv2.stackBlur(fallen, (2 * pixels + 1, 2 * pixels + 1))
        return over_plain(frame, 0, np.asarray(soft, np.uint8))

    return each(work)


def pad_to(width: int, height: int, *, room: int = 0) -> Stage:
    """Scale to fit into `width` and `height` less `room` pixels on every side, and centre on a clear canvas of exactly
    that size. The room is for an outline or a shadow that comes after.
    """

    def work(frame: Frame) -> Frame:
        tall, wide = frame.alpha.shape
        scale = min(Fraction(max(1, width - 2 * room), wide), Fraction(max(1, height - 2 * room), tall))
        frame = scaled(frame, max(1, round(wide * scale)), max(1, round(tall * scale)))
        spare_y, spare_x = height - frame.alpha.shape[0], width - frame.alpha.shape[1]
        return grown(frame, spare_y // 2, spare_y - spare_y // 2, spare_x // 2, spare_x - spare_x // 2)

    return each(work)


def crop(frame: Frame, box: Box) -> Frame:
    """`box` of `frame`."""
    rows, columns = slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)
    rgb, alpha = frame.rgb[rows, columns], frame.alpha[rows, columns]
    return replace(frame, rgb=np.ascontiguousarray(rgb), alpha=np.ascontiguousarray(alpha))


def scaled(frame: Frame, width: int, height: int) -> Frame:
    """`frame` at another size, each colour weighed by its alpha, so that hidden colours stay hidden."""
    if frame.alpha.shape == (height, width):
        return frame
    how = cv2.INTER_AREA if height * width < frame.alpha.size else cv2.INTER_CUBIC
    alpha = np.ascontiguousarray(frame.alpha)
    rgb = np.asarray(cv2.resize(frame.rgb, (width, height), interpolation=how), np.uint8)
    if alpha.min() == 255:
        return replace(frame, rgb=rgb, alpha=np.full((height, width), 255, np.uint8))
    # in 16 bits, at half their room: the cubic overshoots. What lies under alpha 0 keeps the plain average
    weighed = cv2.multiply(frame.rgb, cv2.merge((alpha, alpha, alpha)), scale=0.5, dtype=cv2.CV_16U)
    weighed = cv2.resize(weighed, (width, height), interpolation=how)
    weight = cv2.resize(np.multiply(alpha, 128, dtype=np.uint16), (width, height), interpolation=how)
    true = cv2.divide(weighed, cv2.merge((weight, weight, weight)), scale=256, dtype=cv2.CV_8U)
    cv2.copyTo(true, (weight > 0).view(np.uint8), rgb)
    return replace(frame, rgb=rgb, alpha=np.asarray(cv2.convertScaleAbs(weight, alpha=1 / 128), np.uint8))


def over_plain(frame: Frame, grey: int, below: Pixels) -> Frame:
    """`frame` laid over a plane of one `grey` whose alpha is `below`."""
    alpha = np.ascontiguousarray(frame.alpha)
    x, y, w, h = cv2.boundingRect(below)
    if not w:
        return frame
    part = (slice(y, y + h), slice(x, x + w))
    top = alpha[part].astype(np.float32)
    rest = below[part] * (1 - top / 255)
    both = top + rest
    share = top / np.maximum(both, 1e-6)  # of the colour that is the frame's
    rgb, alpha = frame.rgb.copy(), alpha.copy()
    mixed = cv2.blendLinear(rgb[part], np.full_like(rgb[part], grey), share, 1 - share)
    cv2.copyTo(mixed, (rest >= 0.5).view(np.uint8), rgb[part])
    alpha[part] = (both + 0.5).astype(np.uint8)
    return replace(frame, rgb=rgb, alpha=alpha)


def grown(frame: Frame, top: int, bottom: int, left: int, right: int) -> Frame:
    """`frame` with so many clear rows and columns added."""
    if not (top or bottom or left or right):
        return frame
    rgb = cv2.copyMakeBorder(frame.rgb, top, bottom, left, right, cv2.BORDER_CONSTANT, value=_border_colour(frame))
    alpha = cv2.copyMakeBorder(
        np.ascontiguousarray(frame.alpha), top, bottom, left, right, cv2.BORDER_CONSTANT, value=0
    )
    return replace(frame, rgb=np.asarray(rgb, np.uint8), alpha=np.asarray(alpha, np.uint8))


def _border_colour(frame: Frame) -> list[float]:
    """The mean colour of what is clear along the frame's border; black where all of it is hidden."""
    edge = np.concatenate([side for part in (frame.rgb, frame.rgb.swapaxes(0, 1)) for side in (part[0], part[-1])])
    seen = np.concatenate([side for part in (frame.alpha, frame.alpha.T) for side in (part[0], part[-1])])
    clear = edge[seen == 0]
    return [float(part) for part in clear.mean(axis=0)] if len(clear) else [0.0, 0.0, 0.0]


def _up_to_even(number: int) -> int:
    return number + number % 2


def _even_span(low: float, high: float, limit: int) -> tuple[int, int]:
    """Whole even pixels around [low, high] within [0, limit]; an odd limit loses its last pixel."""
    limit -= limit % 2 if limit > 1 else 0
    start = max(0, int(low) // 2 * 2)
    return max(0, min(start, limit - 2)), min(limit, _up_to_even(int(high) + 1))
