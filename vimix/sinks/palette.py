"""One palette for many pictures, with alpha: what makes a small APNG possible."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vimix.frame import Pixels

_HALF_CLEAR = np.array([64, 128, 192], np.uint8)
"""The alphas of an edge, and the share of a palette that is kept for them."""
_EDGE_COLOURS = 10
_STEPS = np.linspace(0, 255, 32, dtype=np.float32)
_ALPHA_STEPS = np.array([0, 64, 128, 192, 255], np.float32)


class Palette:
    """Colours of one picture, a coarse grid of all colours for what comes later, and a few half-clear ones."""

    def __init__(self, rgb: Pixels, alpha: Pixels, *, colours: int) -> None:
        """Of what is visible in a picture; at most `colours` (16-240) entries and some for the edge."""
        shown = rgb[alpha > 127].reshape(1, -1, 3)
        if not shown.size:
            shown = np.full((1, 1, 3), 128, np.uint8)
        grid = np.array([(r, g, b) for r in (0, 255) for g in (0, 255) for b in (0, 255)], np.uint8)
        if colours > 96:
            steps = (0, 85, 170, 255)
            grid = np.array([(r, g, b) for r in steps for g in steps for b in steps], np.uint8)
        own = _main_colours(shown, min(colours, 255 - len(_HALF_CLEAR) * _EDGE_COLOURS) - len(grid) - 1)
        edge = np.repeat(_main_colours(shown, _EDGE_COLOURS), len(_HALF_CLEAR), axis=0)
        self.rgb: Pixels = np.concatenate((np.zeros((1, 3), np.uint8), edge, own, grid))
        self.alpha: Pixels = np.full(len(self.rgb), 255, np.uint8)
        self.alpha[0] = 0
        self.alpha[1 : len(edge) + 1] = np.tile(_HALF_CLEAR, len(edge) // len(_HALF_CLEAR))
        self._table = self._nearest_entries()

    def nearest(self, rgb: Pixels, alpha: Pixels) -> Pixels:
        """The entry for each pixel, (H, W)."""
        red, green, blue = (rgb[..., channel].astype(np.uint32) >> 3 for channel in range(3))
        level = (alpha.astype(np.uint32) + 32) >> 6
        return np.take(self._table, (level << 15) | (red << 10) | (green << 5) | blue)

    def _nearest_entries(self) -> Pixels:
        """For five alphas and 32 steps of each colour, the entry that looks most alike over any background."""
        colour = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)
        entries = _as_seen(self.rgb.astype(np.float32), self.alpha.astype(np.float32)[:, None])
        tables = []
        for level in _ALPHA_STEPS:
            seen = _as_seen(colour, np.full((len(colour), 1), level, np.float32))
            distance = (entries**2).sum(axis=1) - 2 * seen @ entries.T
            tables.append(distance.argmin(axis=1).astype(np.uint8))
        return np.concatenate(tables)


def _as_seen(colour: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.hstack((colour * (alpha / 255), alpha * 1.5))


def _main_colours(shown: Pixels, count: int) -> Pixels:
    """At most that many colours of (1, N, 3) pixels."""
    found = Image.fromarray(shown).quantize(max(2, count), method=Image.Quantize.MEDIANCUT)
    colours = np.array(found.getpalette(), np.uint8).reshape(-1, 3)[: max(2, count)]
    return colours[: int(np.asarray(found).max()) + 1]
