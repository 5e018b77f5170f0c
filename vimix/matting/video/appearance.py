"""What is known of the subject while it is followed, all of it on small pictures (480 pixels on the long side).

A look at a picture is evidence, not truth: the network picks out whatever stands out, so a pole or a bystander in one
frame is the subject and in the next one is not. Three more witnesses are heard, each as log-odds that are added to the
network's own: where the subject must be (the matte before, moved along by optical flow), what colours it has against
those of what lies around it, and whether a piece hangs together with it. How loud they speak is `health`: how sure the
looks have been of late. At 0 the network stands alone, so that following cannot do worse than not following.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Pixels
from vimix.imaging.resize import shrunk
from vimix.points import Point

cv2: Any = typed_cv2  # its stubs do not know what a function does to an array's type
Plane = NDArray[np.float32]

SIDE = 480
"""Pixels of the long side of the small pictures."""
_REACH = 6
"""Small pixels by which flow may be wrong: nothing is held against what lies so near the guide's edge."""
_WHERE, _COLOUR, _APART = 1.5, 1.0, 2.5
"""Weights of the witnesses: log-odds are multiplied by the first two; the third is taken off a piece that is apart."""
_ROOM = 1.6
"""The part looked at, in sizes of the subject's box."""
_KEPT = 0.93
_GRID = 16
_ODD = 0.4
"""Share of the usual area at which a matte is none of the subject."""
_OTHER, _ALIKE = 24, 0.75
"""Between two scenes, tiny pictures differ by more levels than that, and their colours agree by less."""
_LOUDEST = 12.0
"""Log-odds that no sum of witnesses passes."""
_STEPS = 127
_ADDED = np.linspace(-_LOUDEST, _LOUDEST, 2 * _STEPS + 1, dtype=np.float32)


@dataclass(frozen=True)
class Small:
    """A picture as small as tracking needs it (`shrink`), and what is made of that once somebody asks."""

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
    """To the small size; a picture that is smaller already is left."""
    height, width = picture.shape[:2]
    by = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * by)), max(1, round(height * by)))
    return shrunk(picture, size) if by < 1 else picture


def as_plane(alpha: Pixels) -> Plane:
    """A full-size alpha, small, 0-1."""
    return np.divide(shrink(alpha), 255, dtype=np.float32)


def log_odds(chance: Plane, least: float = 0.01) -> Plane:
    """Of chances kept `least` away from 0 and 1."""
    chance = np.clip(chance, least, 1 - least)
    return np.asarray(np.log(chance / (1 - chance)), np.float32)


def chance(odds: Plane) -> Plane:
    """The inverse of `log_odds`."""
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def sureness(matte: Plane) -> float:
    """0-1: how much of what may be subject surely is."""
    return float(np.count_nonzero(matte > 0.9)) / max(1.0, float(np.count_nonzero(matte > 0.1)))


def histogram(colours: NDArray[np.uint16], where: NDArray[np.bool_]) -> Plane:
    """Shares of the colour bins among the pixels `where`."""
    counts = np.bincount(colours[where], minlength=_BINS).astype(np.float32)
    return np.divide(counts, max(1.0, float(counts.sum())), dtype=np.float32)


def is_cut(before: Small, after: Small) -> bool:
    """Whether another scene begins between two neighbouring frames: other colours, and in other places."""
    if float(cv2.absdiff(before.tiny, after.tiny).mean()) <= _OTHER:
        return False
    everywhere = np.ones(before.colours.shape, bool)
    shares = [histogram(small.colours, everywhere) for small in (before, after)]
    return float(np.sqrt(shares[0] * shares[1]).sum()) < _ALIKE


@dataclass(slots=True)
class Track:
    """A subject being followed: the local variables of one pass over the frames."""

    matte: Plane
    """(h, w), the chance that a pixel is the subject, in the frame last seen."""
    health: float = 1.0
    """0-1: how far the witnesses may speak."""
    floor: float = 0.0
    """`health` never sinks lower: a subject that somebody pointed at is not given up."""
    inside: Plane | None = None
    outside: Plane | None = None
    """Colour histograms of the subject and of what surrounds it."""
    areas: list[int] = field(default_factory=list)
    size: tuple[float, float] = (0.0, 0.0)
    """Height and width of the subject's box, small pixels; it shrinks slowly, as what is hidden comes back."""

    def fork(self) -> "Track":
        """One more of the same, to be led elsewhere."""
        return Track(self.matte, self.health, self.floor, self.inside, self.outside, list(self.areas), self.size)

    def remember(self, other: "Track") -> None:
        """Look for the subject of another track: its colours, and that somebody pointed at it."""
        self.floor, self.inside, self.outside = other.floor, other.inside, other.outside

    def box(self, shape: tuple[int, ...]) -> tuple[slice, slice] | None:
        """The part (rows, columns) of a picture (H, W) to look at: `_ROOM` times the subject's box, not narrower than
        three quarters of its other side, on a grid so that it does not tremble. None where there is no subject, and
        where it would be all there is."""
        subject = self.matte > 0.4
        lines = np.flatnonzero(subject.any(1)), np.flatnonzero(subject.any(0))
        if min(len(line) for line in lines) < 3:
            return None
        spans = [float(line[-1] + 1 - line[0]) for line in lines]
        high, wide = (max(span, _KEPT * size) for span, size in zip(spans, self.size, strict=True))
        self.size = high, wide
        high, wide = max(high, wide * 0.75) * _ROOM, max(wide, high * 0.75) * _ROOM
        by = shape[0] / subject.shape[0]
        cut = []
        for line, extent, side in zip(lines, (high, wide), shape, strict=False):
            middle = (line[0] + line[-1] + 1) / 2
            first, last = int((middle - extent / 2) * by), int((middle + extent / 2) * by)
            cut.append(slice(max(0, first // _GRID * _GRID), min(side, -(-last // _GRID) * _GRID)))
        return None if cut == [slice(0, side) for side in shape[:2]] else (cut[0], cut[1])

    def judge(self, matte: Plane) -> float:
        """0-1: how far a frame's `matte` is what one expects: sure, and of the usual size."""
        area = float(np.count_nonzero(matte > 0.5))
        usual = float(np.median(self.areas[-10:])) if self.areas else area
        alike = min(area, usual) / max(1.0, area, usual)
        return min(1.0, max(0.0, (sureness(matte) - 0.15) / 0.3)) * min(1.0, max(0.0, (alike - _ODD) / 0.3))

    def expect(self, colours: NDArray[np.uint16]) -> tuple[Plane, NDArray[np.bool_]]:
        """What is known of the next matte before it is looked at, given that `matte` is where it should be: log-odds
        (h, w) by place and colours, and what is far from there."""
        reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _REACH + 1, 2 * _REACH + 1))
        around, core = cv2.dilate(self.matte, reach), cv2.erode(self.matte, reach)
        inner = np.maximum(0, log_odds(core, 0.05))
        added = _WHERE * (np.minimum(0, log_odds(around, 0.05)) + inner)
        far = around < 0.3
        if self.inside is not None and self.outside is not None:
            ratio = (np.log(self.inside + 1e-3) - np.log(self.outside + 1e-3)).clip(-3, 3)
            added += _COLOUR * cv2.blur(ratio[colours], (5, 5)) * (far | (inner > 0))
        return np.asarray(added, np.float32), far

    def heard(self, alpha: Pixels, expected: tuple[Plane, NDArray[np.bool_]]) -> tuple[Plane, Plane]:
        """The matte (h, w) of a look (H, W) with what was expected of it, and the log-odds (h, w) that this adds."""
        seen, (added, far) = as_plane(alpha), expected
        count, pieces = cv2.connectedComponents((seen > 0.4).astype(np.uint8))
        apart = np.ones(count, bool)
        apart[pieces[self.matte > 0.5]] = False
        apart[0] = False
        added = np.asarray(added - _APART * (apart[pieces] & far), np.float32)
        told = np.asarray(added * self.health, np.float32)
        return chance(log_odds(seen) + told), told

    def learn(self, matte: Plane, colours: NDArray[np.uint16], *, trust: float = 0.7) -> None:
        """Take in what a frame has shown: `matte` (h, w) with the witnesses heard."""
        now = self.judge(matte)
        self.health = max(self.floor, (self.health + now) / 2)
        self.areas = [*self.areas[-9:], int(np.count_nonzero(matte > 0.5))]
        if now > 0.5 or self.inside is None:
            near = cv2.dilate((self.matte > 0.3).astype(np.uint8), np.ones((61, 61), np.uint8)) > 0
            inside, outside = histogram(colours, matte > 0.7), histogram(colours, (matte < 0.1) & near)
            if self.inside is not None and self.outside is not None:
                inside, outside = 0.85 * self.inside + 0.15 * inside, 0.85 * self.outside + 0.15 * outside
            self.inside, self.outside = inside, outside
        self.matte = trust * matte + (1 - trust) * self.matte


def hear(alpha: Pixels, added: Plane) -> Pixels:
    """A full-size alpha (H, W) with small log-odds added to it: by table, as it is done for every pixel."""
    steps = np.rint((added.clip(-_LOUDEST, _LOUDEST) / _LOUDEST + 1) * _STEPS).astype(np.uint8)
    height, width = alpha.shape
    index = cv2.resize(steps, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint16) * 256 + alpha
    return np.asarray(_HEARD[index], np.uint8)


def _heard() -> Pixels:
    alpha = np.divide(np.arange(256), 255, dtype=np.float32)
    table = np.rint(chance(log_odds(alpha, 0.004)[None] + _ADDED[:, None]) * 257 - 1).clip(0, 255)
    table[:, 0] = 0
    return table.astype(np.uint8).ravel()


_HEARD = _heard()


def standing_at(seen: Plane, point: Point) -> Plane:
    """The part of a look (h, w) that somebody pointed at: the piece there or close by, or what is in their box; where
    the look shows nothing, a spot around the place."""
    height, width = seen.shape
    left, right = sorted((int(point.x0 * (width - 1)), int(point.x1 * (width - 1))))
    top, bottom = sorted((int(point.y0 * (height - 1)), int(point.y1 * (height - 1))))
    place = np.zeros(seen.shape, np.uint8)
    place[top : bottom + 1, left : right + 1] = 1
    if not point.is_box:
        reach = max(3, round(0.04 * max(height, width)))
        place = cv2.dilate(place, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
        _, pieces = cv2.connectedComponents((seen > 0.4).astype(np.uint8))
        found = np.bincount(pieces[place > 0], minlength=2)
        found[0] = 0
        nearest = pieces[top, left] or (int(found.argmax()) if found.any() else 0)
        if nearest:
            return np.asarray(seen * (pieces == nearest), np.float32)
    if point.is_box and float((seen * place).sum()) > 0.2 * float(place.sum()):
        return np.asarray(seen * place, np.float32)
    return np.asarray(0.9 * place, np.float32)
