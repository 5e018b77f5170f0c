"""Pictures of an animation laid over each other, by the rules that browsers follow for GIF and APNG."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from vimix.frame import Pixels


class Dispose(Enum):
    """What becomes of a picture's area before the next one is drawn."""

    NONE = "left as it is"
    BACKGROUND = "made clear"
    PREVIOUS = "as it was before the picture"


@dataclass(frozen=True, slots=True)
class Layer:
    """One picture of an animation."""

    pixels: Pixels
    """(h, w, 4), straight alpha."""
    left: int
    top: int
    dispose: Dispose = Dispose.NONE
    over: bool = True
    """Blended with what is there, or in its place."""


def composed(width: int, height: int, layers: Iterable[Layer]) -> Generator[Pixels, None, None]:
    """The canvas (height, width, 4), clear at first, after each of the layers; what lies beyond it is cut off.

    Each array that is yielded is the consumer's own.
    """
    canvas = np.zeros((height, width, 4), np.uint8)
    for layer in layers:
        rows, columns = slice(layer.top, height), slice(layer.left, width)
        area = canvas[rows, columns][: layer.pixels.shape[0], : layer.pixels.shape[1]]  # a view
        pixels = layer.pixels[: area.shape[0], : area.shape[1]]
        before = area.copy() if layer.dispose is Dispose.PREVIOUS else None
        area[:] = _over(pixels, area) if layer.over else pixels
        yield canvas.copy()
        if before is not None:
            area[:] = before
        elif layer.dispose is Dispose.BACKGROUND:
            area[:] = 0


def _over(upper: Pixels, lower: Pixels) -> Pixels:
    """The source-over operator of Porter and Duff (1984), on straight alpha."""
    opacity = upper[..., 3:]
    if not ((opacity > 0) & (opacity < 255)).any():
        return np.where(opacity > 0, upper, lower)
    above = opacity.astype(np.float32) / 255
    below = (1 - above) * (lower[..., 3:].astype(np.float32) / 255)
    alpha = above + below
    colour = (upper[..., :3] * above + lower[..., :3] * below) / np.maximum(alpha, 1e-6)
    return np.concatenate([colour + 0.5, alpha * 255 + 0.5], axis=2).astype(np.uint8)
