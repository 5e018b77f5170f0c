"""One frame at a time: resized to the network's size, predicted, resized back.

At the size that the network was made for, the picture is shrunk with PIL's LANCZOS and divided by its brightest value,
as rembg does. At a smaller one there is nothing to be equal to, and PIL's BILINEAR finds more (docs/quality.md). The
portrait network, and the crops that tracking predicts, are given the mean of the pixels under each pixel.

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
from vimix.matting.video.small import as_plane, confidence

Floats = NDArray[np.float32]
STEP = 32
"""Sides of an input that keeps the picture's aspect are multiples of this: MODNet halves its input five times."""
_SURE = 0.6
"""A prediction with more `confidence` than that is not augmented: higher costs predictions that change nothing.
Measured for IS-Net at 768 and 1024; at 512 augmentation does harm."""
_MARGIN = 20
"""The margin around a picture is one part in so many of its side."""


Segment = Callable[[Pixels, float], Pixels]
"""From a picture at the network's size (h, w, 3), and the level (1-255) that is divided by, to its mask (h, w), 0-255.
Any number of threads may call it."""


def cpu_predictor(model: Model, size: int, run: Callable[[Floats], Floats], *, quick: bool = False) -> Predict:
    """A prediction by a network on the processor, `run`, from (1, 3, size, size) floats to (1, 1, size, size); `quick`
    resizes with area means and bilinear interpolation."""
    return predictor(model, size, segment_floats(model, run), quick=quick)


def predictor(model: Model, size: int, segment: Segment, *, quick: bool = False) -> Predict:
    """A prediction by `segment`, which runs on a processor or a GPU: resizing is the same for both, and is done here.

    So a GPU is given pictures of one size only, whatever the crop, and its mattes are those of the processor.
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
        output = run(picture).reshape(-1, height, width)[0]
        if model.logits:
            output = 0.5 + 0.5 * np.tanh(0.5 * output)  # a sigmoid that does not overflow
        if level := model.background_level:
            output = (output - level) / (1 - 2 * level)
        return np.asarray((output.clip(0, 1) * 255).astype(np.uint8))

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


def with_augmentation(predict: Predict) -> Predict:
    """Test-time augmentation where the first prediction has little confidence: the picture is predicted again with a
    margin around it, since a network finds a subject that the picture's edge cuts off only weakly, then mirrored. The
    most confident of up to three predictions is returned."""

    def mirrored(rgb: Pixels) -> Pixels:
        return np.ascontiguousarray(predict(np.ascontiguousarray(rgb[:, ::-1]))[:, ::-1])

    def framed(rgb: Pixels) -> Pixels:
        height, width = rgb.shape[:2]
        y, x = -(-height // _MARGIN), -(-width // _MARGIN)
        wide = cv2.copyMakeBorder(rgb, y, y, x, x, cv2.BORDER_CONSTANT, value=cv2.mean(rgb)[:3])
        return predict(np.asarray(wide, np.uint8))[y : y + height, x : x + width]

    def augmented(rgb: Pixels) -> Pixels:
        best = predict(rgb)
        most = confidence(as_plane(best))
        for other in (framed, mirrored):
            if most > _SURE:
                break
            candidate = other(rgb)
            small = as_plane(candidate)
            edges = min(small[0].mean(), small[-1].mean(), small[:, 0].mean(), small[:, -1].mean())
            if confidence(small) > most and edges < 0.5:  # what covers all four edges is the picture, not its subject
                best, most = candidate, confidence(small)
        return best

    return augmented


def cut_each(predict: Predict, *, workers: int) -> Stage:
    """Predict every frame by itself, on `workers` threads; one that equals the frame before is not predicted again.

    The alpha that a frame brings is kept: the result is the product of both.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        alpha: Pixels | None = None
        predicted = in_order(
            lambda pair: (pair[0], predict(pair[0].rgb) if pair[1] else None),
            fresh(frames),
            workers=workers,
            weigh=lambda pair: pair[0].nbytes,
        )
        with closing(predicted):
            for frame, found in predicted:
                alpha = alpha if found is None else found
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
    """The product of two alphas (H, W); the first itself where the second is opaque throughout."""
    if given.strides == (0, 0) and given[0, 0] == 255:
        return alpha
    return np.asarray(cv2.multiply(alpha, np.ascontiguousarray(given), scale=1 / 255), np.uint8)
