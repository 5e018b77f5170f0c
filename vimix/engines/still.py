"""Every picture by itself: to the network's size, through the network, back to the picture's size.

To the network's size with PIL's LANCZOS, as rembg does, which is what the weights were trained on: OpenCV's filters do
not antialias when they shrink. A mask is never stretched to its own minimum and maximum, as rembg does: on video the
gain would change from frame to frame, and where there is no subject noise would become one.
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing

import cv2
import numpy as np
from PIL import Image

from vimix.engines.catalogue import Model
from vimix.frame import Frame, Frames, Pixels, Stage
from vimix.threads import in_order

Look = Callable[[Pixels], Pixels]
"""A picture (H, W, 3) of any size to its alpha (H, W). Any number of threads may call it."""


def looker(model: Model, size: int, run: Callable[..., np.ndarray]) -> Look:
    """A look through a network."""
    scale = np.float32(1) / np.array(model.std, np.float32)
    shift = np.array(model.mean, np.float32) * scale

    def look(rgb: Pixels) -> Pixels:
        height, width = rgb.shape[:2]
        small = np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.LANCZOS))
        brightest = np.float32(max(int(small.max()), 1))
        picture = np.empty((1, 3, size, size), np.float32)
        for channel in range(3):
            np.multiply(small[:, :, channel], scale[channel] / brightest, out=picture[0, channel], dtype=np.float32)
            picture[0, channel] -= shift[channel]
        seen = run(picture).reshape(-1, size, size)[0]
        if model.logits:
            seen = 1 / (1 + np.exp(-seen))
        mask = (seen.clip(0, 1) * 255).astype(np.uint8)
        return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.LANCZOS))

    return look


def cut_each(look: Look, *, workers: int) -> Stage:
    """Look at every frame by itself, on `workers` threads. A frame equal to the one before is not looked at again.

    The alpha that a frame brings is kept: the result is the product of both.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        looked = in_order(lambda item: (item[0], item[1] and look(item[1].rgb)), _changes(frames), workers=workers)
        alpha: Pixels | None = None
        with closing(looked):
            for frame, fresh in looked:
                alpha = fresh if fresh is not None else alpha
                assert alpha is not None
                yield Frame(frame.rgb, times(alpha, frame.alpha), frame.time, frame.duration)

    return stage


def _changes(frames: Iterable[Frame]) -> Generator[tuple[Frame, Frame | None], None, None]:
    before: Frame | None = None
    try:
        for frame in frames:
            same = before is not None and before.rgb.shape == frame.rgb.shape and _equal(before.rgb, frame.rgb)
            yield frame, None if same else frame
            before = frame
    finally:
        if isinstance(frames, Generator):
            frames.close()


def _equal(first: Pixels, second: Pixels) -> bool:
    return first is second or cv2.norm(first, second, cv2.NORM_INF) == 0


def times(alpha: Pixels, given: Pixels) -> Pixels:
    """The product of two alphas; the first itself where the second is opaque throughout."""
    if given.strides == (0, 0) and given[0, 0] == 255:
        return alpha
    return cv2.multiply(alpha, np.ascontiguousarray(given), scale=1 / 255)
