"""Every picture by itself: to the network's size, through the network, back to the picture's size.

At the size that the network was made for, the picture is shrunk with PIL's LANCZOS and divided by its brightest value,
as rembg does. At a smaller one there is nothing to be equal to, and PIL's BILINEAR finds more (docs/quality.md). The
portrait network, and the boxes that are looked at in following, are given the mean of the pixels under each pixel.

A mask is never stretched to its own minimum and maximum, as rembg does: on video the gain would change from frame to
frame, and without a subject noise would become one.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vimix.concurrency.threads import in_order
from vimix.frame import Frame, Frames, Pixels, Stage
from vimix.imaging.resize import shrunk
from vimix.matting.engine import Predict
from vimix.matting.networks.catalogue import Model
from vimix.matting.video.appearance import as_plane, sureness

Floats = NDArray[np.float32]
STEP = 32
"""Sides of an input that keeps the picture's aspect are multiples of this: MODNet halves its input five times."""
_SURE = 0.6
"""A look surer than that (`sureness`) is believed at once. For IS-Net at 768 and 1024; at 512 it does harm."""
_MARGIN = 20
"""A margin around a picture is one part in so many of its side."""


Segment = Callable[[Pixels, float], Pixels]
"""A picture already at the network's size (h, w, 3), and the level that counts as white, to its mask (h, w). Any number
of threads may call it."""


def looker(model: Model, size: int, run: Callable[[Floats], Floats], *, quick: bool = False) -> Predict:
    """A prediction by a network that takes (1, 3, size, size) floats; `quick` resizes by simpler means."""
    return predictor(model, size, segment_floats(model, run), quick=quick)


def predictor(model: Model, size: int, segment: Segment, *, quick: bool = False) -> Predict:
    """A prediction by `segment`, which runs on a processor or a GPU: resizing is the same for both, and is done here.

    So a GPU meets pictures of one size only, whatever box is looked at, and its mattes are those of the processor.
    """
    quick = quick or model.area
    exact = not quick and size == model.size("best")
    how = Image.Resampling.LANCZOS if exact else Image.Resampling.BILINEAR

    def predict(rgb: Pixels) -> Pixels:
        height, width = rgb.shape[:2]
        shape = input_size(model, size, width, height)
        small = shrunk(rgb, shape) if quick else np.asarray(Image.fromarray(rgb).resize(shape, how))
        mask = segment(small, float(max(int(small.max()), 1)) if exact else 255.0)
        if exact:
            return np.asarray(Image.fromarray(mask).resize((width, height), how))
        return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)

    return predict


def segment_floats(model: Model, run: Callable[[Floats], Floats]) -> Segment:
    """`run`, from (1, 3, H, W) floats to its first output, as a function of bytes."""
    scale = 1 / np.array(model.std, np.float32)
    shift = np.array(model.mean, np.float32) * scale

    def segment(small: Pixels, white: float) -> Pixels:
        height, width = small.shape[:2]
        picture = np.empty((1, 3, height, width), np.float32)
        for plane, channel in zip(picture[0], range(3), strict=True):
            np.multiply(small[:, :, channel], scale[channel] / np.float32(white), out=plane, dtype=np.float32)
            plane -= shift[channel]
        seen = run(picture).reshape(-1, height, width)[0]
        if model.logits:
            seen = 0.5 + 0.5 * np.tanh(0.5 * seen)  # a sigmoid that does not overflow
        if level := model.background_level:
            seen = (seen - level) / (1 - 2 * level)
        return np.asarray((seen.clip(0, 1) * 255).astype(np.uint8))

    return segment


def input_size(model: Model, size: int, width: int, height: int) -> tuple[int, int]:
    """Width and height of a network's input for a picture of that width and height, pixels.

    Where the aspect is kept it is so up to 4 to 1: beyond that a network sees little and memory grows.
    """
    if not model.keeps_aspect:
        return size, size
    scale = size / min(width, height)
    wide, high = (max(size, min(round(side * scale / STEP) * STEP, 4 * size)) for side in (width, height))
    return wide, high


def surest(look: Predict) -> Predict:
    """Up to three looks where the first is unsure: at the picture with a margin around it, since a subject that the
    picture's edge cuts off is shown as weak as what is behind it, and in the mirror. The surest is kept."""

    def mirrored(rgb: Pixels) -> Pixels:
        return np.ascontiguousarray(look(np.ascontiguousarray(rgb[:, ::-1]))[:, ::-1])

    def framed(rgb: Pixels) -> Pixels:
        height, width = rgb.shape[:2]
        y, x = -(-height // _MARGIN), -(-width // _MARGIN)
        wide = cv2.copyMakeBorder(rgb, y, y, x, x, cv2.BORDER_CONSTANT, value=cv2.mean(rgb)[:3])
        return look(np.asarray(wide, np.uint8))[y : y + height, x : x + width]

    def again(rgb: Pixels) -> Pixels:
        best = look(rgb)
        most = sureness(as_plane(best))
        for other in (framed, mirrored):
            if most > _SURE:
                break
            seen = other(rgb)
            small = as_plane(seen)
            taken = min(small[0].mean(), small[-1].mean(), small[:, 0].mean(), small[:, -1].mean())
            if sureness(small) > most and taken < 0.5:  # what covers all four edges is the picture, not its subject
                best, most = seen, sureness(small)
        return best

    return again


def cut_each(look: Predict, *, workers: int) -> Stage:
    """Look at every frame by itself, on `workers` threads. A frame equal to the one before is not looked at again.

    The alpha that a frame brings is kept: the result is the product of both.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        alpha: Pixels | None = None
        looked = in_order(
            lambda pair: (pair[0], look(pair[0].rgb) if pair[1] else None),
            fresh(frames),
            workers=workers,
            weigh=lambda pair: pair[0].nbytes,
        )
        with closing(looked):
            for frame, seen in looked:
                alpha = alpha if seen is None else seen
                assert alpha is not None
                yield Frame(frame.rgb, product(alpha, frame.alpha), frame.time, frame.duration)

    return stage


def fresh(frames: Iterable[Frame]) -> Generator[tuple[Frame, bool], None, None]:
    """Each frame, and whether its picture differs from the one before."""
    before: Frame | None = None
    try:
        for frame in frames:
            yield frame, before is None or not _same(before.rgb, frame.rgb)
            before = frame
    finally:
        if isinstance(frames, Generator):
            frames.close()


def _same(first: Pixels, second: Pixels) -> bool:
    return first is second or (first.shape == second.shape and cv2.norm(first, second, cv2.NORM_INF) == 0)


def product(alpha: Pixels, given: Pixels) -> Pixels:
    """The product of two alphas; the first itself where the second is opaque throughout."""
    if given.strides == (0, 0) and given[0, 0] == 255:
        return alpha
    return np.asarray(cv2.multiply(alpha, np.ascontiguousarray(given), scale=1 / 255), np.uint8)
