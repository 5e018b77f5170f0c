"""Pictures and mattes as small as tracking needs them (480 pixels on the long side), and what is computed from them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Pixels
from vimix.imaging.resize import shrunk

cv2: Any = typed_cv2  # its stubs do not know what a function does to an array's type
Plane = NDArray[np.float32]

SIDE = 480
"""Pixels of the long side of the small pictures."""
_OTHER, _ALIKE = 24, 0.75
"""A scene cut: tiny pictures differ by more levels than the first, and the histograms' Bhattacharyya coefficient is
below the second. Both are asked for, since fast motion changes the levels but not
the colours."""
_SPECK = 0.1
"""Connected components smaller than that share of the largest do not count for where the subject is."""
LOUDEST = 12.0
"""Log-odds that no sum of cues passes: the range of the table below."""
_STEPS = 127
"""Steps of the table on each side of 0: an index of 8 bits."""
_ADDED = np.linspace(-LOUDEST, LOUDEST, 2 * _STEPS + 1, dtype=np.float32)


@dataclass(frozen=True)
class Small:
    """A picture as small as tracking needs it (`shrink`), (h, w, 3), and what is computed from it when first asked
    for."""

    rgb: Pixels

    @cached_property
    def grey(self) -> Pixels:
        """(h, w)."""
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def tiny(self) -> Pixels:
        """The grey one, (18, 32)."""
        return np.asarray(cv2.resize(self.grey, (32, 18), interpolation=cv2.INTER_AREA), np.uint8)

    @cached_property
    def colours(self) -> NDArray[np.uint16]:
        """(h, w), each pixel's bin in Lab: 8 of lightness by 12 by 12."""
        steps = cv2.LUT(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2LAB), _COARSE).astype(np.uint16)
        return np.asarray(cv2.transform(steps, _PLACES), np.uint16)


_BINS = 8 * 12 * 12
_CHROMA = ((np.arange(256).clip(80, 175) - 80) // 8).astype(np.uint8)
_COARSE = np.dstack([np.arange(256, dtype=np.uint8) >> 5, _CHROMA, _CHROMA])
_PLACES = np.array([[144, 12, 1]], np.float32)


def shrink(picture: Pixels) -> Pixels:
    """A picture (H, W) or (H, W, 3) at most `SIDE` pixels long; one that is smaller already is returned as it is."""
    height, width = picture.shape[:2]
    by = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * by)), max(1, round(height * by)))
    return shrunk(picture, size) if by < 1 else picture


def as_plane(alpha: Pixels) -> Plane:
    """A full-size alpha (H, W) as a small matte (h, w), 0-1."""
    return np.divide(shrink(alpha), 255, dtype=np.float32)


def log_odds(chance: Plane, least: float = 0.01) -> Plane:
    """The log-odds of probabilities, which are kept `least` away from 0 and 1."""
    chance = np.clip(chance, least, 1 - least)
    return np.asarray(np.log(chance / (1 - chance)), np.float32)


def chance(odds: Plane) -> Plane:
    """The inverse of `log_odds`."""
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def confidence(matte: Plane) -> float:
    """0-1: how much of what may be subject (above 0.1) surely is (above 0.9)."""
    return float(np.count_nonzero(matte > 0.9)) / max(1.0, float(np.count_nonzero(matte > 0.1)))


def histogram(colours: NDArray[np.uint16], where: NDArray[np.bool_]) -> Plane:
    """The normalised colour histogram (bins,) of the pixels `where`."""
    counts = np.bincount(colours[where], minlength=_BINS).astype(np.float32)
    return np.divide(counts, max(1.0, float(counts.sum())), dtype=np.float32)


def without_specks(subject: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A subject (h, w) without connected components that are small against its largest."""
    _, components, stats, _ = cv2.connectedComponentsWithStats(subject.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA] * (np.arange(len(stats)) > 0)
    return np.asarray((areas >= max(1, _SPECK * areas.max()))[components], np.bool_)


def is_cut(before: Small, after: Small) -> bool:
    """Whether there is a scene cut between two neighbouring frames: other colours, and in other places."""
    if float(cv2.absdiff(before.tiny, after.tiny).mean()) <= _OTHER:
        return False
    everywhere = np.ones(before.colours.shape, bool)
    shares = [histogram(small.colours, everywhere) for small in (before, after)]
    return float(np.sqrt(shares[0] * shares[1]).sum()) < _ALIKE


def apply_log_odds(alpha: Pixels, added: Plane) -> Pixels:
    """A full-size alpha (H, W) with small log-odds (h, w) added to it: by table, as it is done for every pixel."""
    steps = np.rint((added.clip(-LOUDEST, LOUDEST) / LOUDEST + 1) * _STEPS).astype(np.uint8)
    height, width = alpha.shape
    index = cv2.resize(steps, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint16) * 256 + alpha
    return np.asarray(_FUSED[index], np.uint8)


def _fusion_table() -> Pixels:
    alpha = np.divide(np.arange(256), 255, dtype=np.float32)
    table = np.rint(chance(log_odds(alpha, 0.004)[None] + _ADDED[:, None]) * 257 - 1).clip(0, 255)
    table[:, 0] = 0
    return table.astype(np.uint8).ravel()


_FUSED = _fusion_table()
