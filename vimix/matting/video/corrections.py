"""A person's corrections of a matte: clicks on what is not meant, and painted strokes, carried through the clip.

A click or a stroke marks a region of one frame. The region follows the optical flow from frame to frame, forwards and
backwards, until the motion no longer explains the picture; where several corrections reach a frame, the nearest in time
decides. A region that covers most of a connected piece of the matte takes the whole piece, so that its edge is the
matte's own. Everything is done at `SIDE` pixels; the edge is then fitted to the full picture with a guided filter
(He and Sun, "Fast Guided Filter", 2015).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vimix.frame import Frame, Frames, Pixels, Stage
from vimix.imaging.optical_flow import Flow, consistency, optical_flow, warp
from vimix.imaging.resize import thumb
from vimix.matting.video.marked_regions import PIECE, unwanted
from vimix.points import Point

Plane = NDArray[np.float32]
"""(h, w), -1 remove, 0 as found, 1 keep."""

SIDE = 192
"""Pixels of the longer side at which regions are carried: 42 KB a frame, 150 MB for two minutes of 30 frames a second
and of any size."""
COVERED = 0.6
"""Share of a piece that a removed region must cover for the whole piece to go."""
LOST = 0.25
"""Mean agreement (0-1) of the moved picture with the frame, below which a region is no longer carried."""
TRUST = 1.25
"""Agreement (times this, at most 1) with which an added region goes on from frame to frame: what is seen clearly is
carried for good, what is doubtful fades within a few frames instead of sticking to the background."""
GUIDE_RADIUS, GUIDE_EPSILON = 3, 4e-4
"""Of the guided filter: pixels at `SIDE`, and the variance (of 0-1) below which the picture has no edge to follow."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What somebody said of one frame."""

    time: float
    """Seconds from the first frame."""
    unwanted: tuple[Point, ...] = ()
    """Clicks and boxes on what is to be removed."""
    paint: NDArray[np.int8] | None = None
    """(H, W) of any size: 1 keep, -1 remove, 0 as found."""


@dataclass(frozen=True, slots=True)
class _Small:
    """What is remembered of a frame."""

    grey: Pixels
    alpha: Pixels


@dataclass(frozen=True, slots=True)
class _Seed:
    """A marked region."""

    at: int
    """Number of its frame."""
    plane: Plane
    certain: bool
    """Whether its extent is certain; if not it fades where the motion is doubtful."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What reaches a frame."""

    plane: Plane
    away: int
    """Frames to the nearest correction that has a part in it."""


def regions(frames: Iterable[Frame], corrections: Sequence[Correction]) -> list[Plane | None]:
    """The regions to keep and to remove in each of the frames, which have their uncorrected alpha."""
    small: list[_Small] = []
    seeds: list[_Seed] = []
    waiting = sorted(corrections, key=lambda correction: correction.time)
    last: Frame | None = None
    for frame in frames:
        last, picture = frame, thumb(frame.rgb, SIDE)
        small.append(_small(picture, frame.alpha))
        while waiting and waiting[0].time < frame.time + frame.duration:
            seeds += _marked(len(small) - 1, picture, small[-1].alpha, waiting.pop(0))
    for correction in waiting if last is not None else ():
        assert last is not None
        seeds += _marked(len(small) - 1, thumb(last.rgb, SIDE), small[-1].alpha, correction)
    found: list[_Found | None] = [None] * len(small)
    for seed in seeds:
        for step in (1, -1):
            _carry(small, found, seed, step)
    return [None if each is None else each.plane for each in found]


def apply(found: Sequence[Plane | None]) -> Stage:
    """Change the alpha of the frames as `regions` found."""

    def stage(frames: Iterable[Frame]) -> Frames:
        planes = iter(found)
        for frame in frames:
            plane = next(planes, None)
            yield frame if plane is None else replace(frame, alpha=corrected(frame.rgb, frame.alpha, plane))

    return stage


def corrected(rgb: Pixels, alpha: Pixels, plane: Plane) -> Pixels:
    """The alpha of one frame with a plane's regions kept and removed; edges follow the picture."""
    height, width = alpha.shape
    small = np.asarray(cv2.resize(rgb, plane.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    guide = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)
    slope, offset = _guided(guide, plane)
    large = (width, height)
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    fitted = cv2.resize(slope, large) * grey + cv2.resize(offset, large)
    flat = cv2.resize(_flat(plane), large)  # only where a region ends can a dark spot be its edge
    fitted += flat * (cv2.resize(plane, large) - fitted)
    removed = alpha * (1 - np.clip(-fitted * 1.2, 0, 1))
    return np.asarray(np.maximum(removed, 255 * np.clip(fitted * 1.2, 0, 1)) + 0.5, np.uint8)


def region_of(rgb: Pixels, alpha: Pixels, correction: Correction) -> Plane:
    """The region that a correction marks in one frame by itself, at `SIDE` pixels."""
    picture = thumb(rgb, SIDE)
    plane: Plane = np.zeros(picture.shape[:2], np.float32)
    for seed in _marked(0, picture, _small(picture, alpha).alpha, correction):
        np.copyto(plane, seed.plane, where=seed.plane != 0)
    return plane


def _small(picture: Pixels, alpha: Pixels) -> _Small:
    size = picture.shape[1], picture.shape[0]
    shrunk = np.asarray(cv2.resize(np.ascontiguousarray(alpha), size, interpolation=cv2.INTER_AREA), np.uint8)
    return _Small(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8), shrunk)


def _marked(at: int, picture: Pixels, alpha: Pixels, correction: Correction) -> Iterator[_Seed]:
    """What a correction marks in the frame with that number."""
    for point in correction.unwanted:
        region, certain = unwanted(picture, alpha, point)
        yield _Seed(at, np.where(region, np.float32(-1), np.float32(0)), certain)
    if correction.paint is not None:
        size = alpha.shape[1], alpha.shape[0]
        painted = cv2.resize(correction.paint.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        yield _Seed(at, np.where(np.abs(painted) > 0.3, np.sign(painted), 0).astype(np.float32), True)


def _carry(small: Sequence[_Small], found: list[_Found | None], seed: _Seed, step: int) -> None:
    """Move a region through the frames after its own (or before: `step` -1) into `found`."""
    plane, at = _fitted(seed.plane, small[seed.at].alpha), seed.at
    if step > 0:
        found[at] = _merged(found[at], _Found(plane, 0))
    while 0 <= at + step < len(small):
        here, there = small[at + step], small[at]
        at += step
        flow = optical_flow(here.grey, there.grey)
        agreement = consistency(here.grey, there.grey, flow) * _round_trip_consistency(
            flow, optical_flow(there.grey, here.grey)
        )
        plane = warp(plane, flow)
        region = np.abs(plane) > 0.5
        if not region.any() or float(agreement[region].mean()) < LOST:
            return
        fading = (plane > 0) | np.bool_(not seed.certain)
        plane *= np.where(fading, np.minimum(1, TRUST * agreement), 1)
        plane = _fitted(plane, here.alpha)
        found[at] = _merged(found[at], _Found(plane, abs(at - seed.at)))


def _merged(before: _Found | None, now: _Found) -> _Found:
    """Two corrections that reach the same frame: the nearer in time decides, the later of two for the same frame."""
    if before is None:
        return now
    near, far = (now, before) if now.away <= before.away else (before, now)
    return _Found(np.where(np.abs(near.plane) > 0.2, near.plane, far.plane).astype(np.float32), near.away)


def _round_trip_consistency(flow: Flow, back: Flow) -> Plane:
    """0-1 a pixel: whether the flow there and back returns to where it began, within a pixel or so."""
    apart = np.linalg.norm(flow + warp(back, flow), axis=2)
    return np.asarray(np.exp(-np.square(apart) / 2), np.float32)


def _fitted(plane: Plane, alpha: Pixels) -> Plane:
    """A plane whose removed region takes whole pieces of the matte that it mostly covers, and leaves what it grazes."""
    fitted = plane.copy()
    count, pieces = cv2.connectedComponents((alpha > PIECE * 255).astype(np.uint8))
    sizes = np.bincount(pieces.ravel(), minlength=count)
    covered = np.bincount(pieces.ravel(), weights=np.clip(-plane, 0, 1).ravel(), minlength=count) / sizes.clip(1)
    for piece in range(1, count):
        if covered[piece] > COVERED:
            grown = cv2.dilate((pieces == piece).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            fitted[grown & ((pieces == 0) | (pieces == piece)) & (plane < 0.5)] = -1
        elif covered[piece] < 0.03:
            fitted[(pieces == piece) & (plane < 0)] = 0
    return fitted


def _flat(plane: Plane) -> Plane:
    """0-1, (h, w): how far a plane is the same all around: 0 within a pixel or two of a region's edge."""
    near = np.ones((3, 3), np.uint8)
    inside, outside = (cv2.erode(each.astype(np.uint8), near) for each in (np.abs(plane) > 0.98, np.abs(plane) < 0.02))
    return np.asarray(cv2.blur(cv2.max(inside, outside).astype(np.float32), (3, 3)), np.float32)


def _guided(guide: Plane, plane: Plane) -> tuple[Plane, Plane]:
    """The local linear model that explains `plane` by `guide`: slope and offset, averaged."""
    size = (2 * GUIDE_RADIUS + 1, 2 * GUIDE_RADIUS + 1)
    mean_guide, mean_plane = cv2.blur(guide, size), cv2.blur(plane, size)
    covariance = cv2.blur(guide * plane, size) - mean_guide * mean_plane
    slope = covariance / (cv2.blur(guide * guide, size) - mean_guide * mean_guide + GUIDE_EPSILON)
    offset = mean_plane - slope * mean_guide
    return np.asarray(cv2.blur(slope, size), np.float32), np.asarray(cv2.blur(offset, size), np.float32)
