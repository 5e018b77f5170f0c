"""Video that keeps colour at half resolution (4:2:0): what was found from colour, sharpened by full brightness.

The share of screen is known at half resolution, as the mean of four pixels. Within a few pixels it follows brightness
as a straight line (the assumption of the guided filter: He, Sun and Tang 2010), which is fitted at half resolution; the
detail of brightness that halving takes away is then added by that line.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Pixels

Floats = NDArray[np.float32]
_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)
_PAIRED = 0.35
"""Colour differs this little within pairs of columns, of what it differs between them, where it has half the
resolution: near 0 there, 1 where every pixel has its own colour."""
_REACH = 1.0
"""Sigma in pixels of the half-size picture, of where the line is fitted: more mixes neighbouring edges."""
_NOISE = 4.0
"""Levels of 255: brightness that varies less says nothing of alpha. More leaves edges soft, less sharpens noise."""
_GAIN = 1.2
"""More than the fitted slope, which averaging makes too flat. All three were found with `bench.keying --tuning`."""


def halved_colour(rgb: Pixels) -> bool:
    """Whether two neighbouring pixels (H, W, 3) have one colour between them, as decoded 4:2:0 video has."""
    width = rgb.shape[1] // 2 * 2
    if width < 4:
        return False
    colour = rgb[:, :width, 2].astype(np.int16) - rgb[:, :width, 1]
    within = float(np.abs(colour[:, 0::2] - colour[:, 1::2]).mean())
    between = float(np.abs(colour[:, 1:-1:2] - colour[:, 2::2]).mean())
    return within < _PAIRED * between


def halved(rgb: Pixels) -> Pixels:
    """The picture at half size, each pixel the mean of four."""
    height, width = rgb.shape[:2]
    return np.asarray(cv2.resize(rgb, (-(-width // 2), -(-height // 2)), interpolation=cv2.INTER_AREA), np.uint8)


def sharpened(half: Floats, rgb: Pixels) -> Floats:
    """`half`, (H/2, W/2) from 0 to 1, at the size of `rgb` (H, W, 3) and as sharp as its brightness."""
    height, width = rgb.shape[:2]
    bright = cv2.transform(rgb.astype(np.float32), _LUMA)
    small = cv2.resize(bright, half.shape[::-1], interpolation=cv2.INTER_AREA)
    brightness, share = _near(small), _near(half)
    varies = _near(small * small) - brightness * brightness
    slope = np.float32(_GAIN) * (_near(small * half) - brightness * share) / (varies + np.float32(_NOISE**2))
    line = cv2.merge([half, slope, small])
    base, rise, level = cv2.split(cv2.resize(line, (width, height), interpolation=cv2.INTER_LINEAR))
    return np.asarray(np.clip(base + rise * (bright - level), 0, 1), np.float32)


def _near(plane: Floats | cv2.typing.MatLike) -> Floats:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), _REACH), np.float32)
