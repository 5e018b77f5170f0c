"""What is done to a picture before any format sees it: the box worth storing, and what lies under clear pixels."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from vimix.frame import Frame, Pixels

_BLOCK = 16
_SLIGHT = 16
"""Of 255: what covers less of a block says nothing of its colour, for it is rounded too coarsely."""
_FLOOR = np.arange(256, dtype=np.uint8)
_FLOOR[:7], _FLOOR[249:] = 0, 255

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, the latter two just outside."""


def floored(alpha: Pixels) -> Pixels:
    """Alpha with its invisible ends made plain: below 7 clear, above 248 opaque. A stray pixel of alpha 3 would
    otherwise stretch the box over the whole picture; a third of an alpha plane's bytes goes as well."""
    return np.asarray(cv2.LUT(alpha, _FLOOR), dtype=np.uint8)


def visible(rgb: Pixels, alpha: Pixels, *, whole: bool = False) -> tuple[Box, Pixels, Pixels]:
    """The box of what is not clear, or of all, and both planes inside it, as views. Its corner is on even pixels, as
    WebP needs; where nothing is visible it has 2x2 pixels."""
    height, width = alpha.shape
    if whole:
        return (0, 0, width, height), rgb, alpha
    left, top, wide, high = cv2.boundingRect(alpha)
    right, bottom = max(left + wide, min(2, width)), max(top + high, min(2, height))
    left, top = left & ~1, top & ~1
    return (left, top, right, bottom), rgb[top:bottom, left:right], alpha[top:bottom, left:right]


def cleared(rgb: Pixels, alpha: Pixels) -> Pixels:
    """The picture with black under alpha 0: what nobody sees must not cost bytes in a lossless format."""
    return np.asarray(cv2.bitwise_and(rgb, rgb, mask=alpha), dtype=np.uint8)


def filled(rgb: Pixels, alpha: Pixels) -> Pixels:
    """The picture with the colours of the subject carried on smoothly under alpha 0.

    For lossy formats: black there would darken the edge, and the old background would cost half the bytes.
    """
    height, width = alpha.shape
    mask = cv2.threshold(alpha, 0, 255, cv2.THRESH_BINARY)[1]
    small = (-(-width // _BLOCK), -(-height // _BLOCK))
    weight = _blocks(mask, small)
    colour = _blocks(cv2.bitwise_and(rgb, rgb, mask=mask), small)
    if weight.max() >= _SLIGHT:
        colour[weight < _SLIGHT] = weight[weight < _SLIGHT] = 0
    reach = 3
    while (hole := weight < 1).any() and reach < 4 * max(small):
        colour[hole] = cv2.blur(colour, (reach, reach), borderType=cv2.BORDER_CONSTANT)[hole]
        weight[hole] = cv2.blur(weight, (reach, reach), borderType=cv2.BORDER_CONSTANT)[hole]
        reach = 2 * reach + 1
    colour *= (255 / np.maximum(weight, 1e-6))[..., None]
    wide = (small[0] * _BLOCK, small[1] * _BLOCK)
    around = cv2.resize(np.clip(colour, 0, 255).astype(np.uint8), wide, interpolation=cv2.INTER_LINEAR)[:height, :width]
    return np.asarray(cv2.copyTo(rgb, mask, around), dtype=np.uint8)


def _blocks(plane: MatLike, small: tuple[int, int]) -> NDArray[np.float32]:
    """The mean of every block; those at the right and lower border are filled up, since whole blocks are quick. Only
    the strip of rows that needs that is copied: at 4K a copy is 25 MB, for every thread."""
    height, width = plane.shape[:2]
    below, beside = small[1] * _BLOCK - height, small[0] * _BLOCK - width
    if beside:
        plane, below = cv2.copyMakeBorder(plane, 0, below, 0, beside, cv2.BORDER_REPLICATE), 0
    means = np.empty((small[1], small[0], *plane.shape[2:]), np.uint8)
    whole = plane.shape[0] // _BLOCK
    if whole:
        cv2.resize(plane[: whole * _BLOCK], (small[0], whole), means[:whole], interpolation=cv2.INTER_AREA)
    if below:
        strip = cv2.copyMakeBorder(plane[whole * _BLOCK :], 0, below, 0, 0, cv2.BORDER_REPLICATE)
        cv2.resize(strip, (small[0], 1), means[whole:], interpolation=cv2.INTER_AREA)
    return means.astype(np.float32)


def same_picture(one: Frame, other: Frame) -> bool:
    """Whether two frames look the same: equal alpha, and equal colour wherever it is not 0."""
    if cv2.norm(one.alpha, other.alpha, cv2.NORM_INF) > 0:
        return False
    return bool(cv2.norm(one.rgb, other.rgb, cv2.NORM_INF, mask=np.ascontiguousarray(one.alpha)) == 0)
