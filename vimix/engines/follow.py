"""Following the subject through the clip: better than looking at every frame by itself, with fewer looks.

Frames are taken in windows. In a window some frames are keys: the network looks at a box around where the subject must
be (`track` says where, and what to make of it); the matte of the frames between is carried along the motion from both
sides. Where a scene begins, a few whole frames are looked at, and following starts from the one that is surest and most
like the others, in both directions. A window waits for its last frame: that is what following costs in delay, and the
most it holds in memory. A frame equal to the one before costs nothing.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np

from vimix.engines.motion import Flow, belief, carried, chained, flow, moved
from vimix.engines.still import Look, fresh, product
from vimix.engines.track import Plane, Small, Track, as_plane, chance, hear, histogram, log_odds, sureness
from vimix.frame import Frame, Frames, Pixels, Stage
from vimix.options import Point
from vimix.threads import in_order


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the network looks."""

    every: int
    """Frames from key to key at most."""
    window: int = 32
    """Frames taken together."""
    whole: int = 10
    """Frames from one whole-frame look to the next where a scene begins."""


BALANCED = Pace(2)
PACES = {"fast": Pace(6), "balanced": BALANCED, "best": Pace(1)}
"""By quality."""

_DOUBT = 0.7
_MEMORY = 128 << 20
"""Bytes of pictures that a window may hold."""


@dataclass(slots=True)
class Shot:
    """A frame of the window, and those after it that equal it."""

    frames: list[Frame]
    small: Small
    alpha: Pixels | None = None
    matte: Plane | None = None
    """Small: what the track made of it."""

    @property
    def rgb(self) -> Pixels:
        """The picture."""
        return self.frames[0].rgb


@dataclass(slots=True)
class Window:
    """Frames of one scene, solved together."""

    shots: list[Shot]
    begins: bool
    """Whether a scene begins here."""


def follow(look: Look, *, pace: Pace = BALANCED, points: Sequence[Point] = (), start: float = 0.0) -> Stage:
    """Cut out one subject, or those that stand together, through the whole clip.

    `points` say which (times in seconds of the clip before trimming, of which `start` were cut off); a later one
    corrects from there on. The alpha that a frame brings is kept: the result is the product of both.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        follower = _Follower(look, pace, [(max(0.0, point.time - start), point) for point in points])
        with closing(in_order(follower.solve, _windows(frames, pace.window), workers=1, waiting=1)) as solved:
            for window in solved:
                for shot in window.shots:
                    assert shot.alpha is not None
                    for frame in shot.frames:
                        yield replace(frame, alpha=product(shot.alpha, frame.alpha))

    return stage


def _windows(frames: Iterable[Frame], most: int) -> Generator[Window, None, None]:
    """Groups of frames, none across a cut."""
    shots: list[Shot] = []
    begins, count = True, 0
    with closing(fresh(frames)) as told:
        for frame, differs in told:
            before = shots[-1] if shots else None
            if before and not differs:
                before.frames.append(replace(frame, rgb=before.rgb))
            else:
                shot = Shot([frame], Small.of(frame.rgb))
                if before and is_cut(before.small, shot.small):
                    yield Window(shots, begins)
                    shots, begins, count = [], True, 0
                shots.append(shot)
            count += 1
            if count >= max(4, min(most, _MEMORY // (frame.rgb.nbytes * 4 // 3))):
                yield Window(shots, begins)
                shots, begins, count = [], False, 0
    if shots:
        yield Window(shots, begins)


def is_cut(before: Small, after: Small) -> bool:
    """Whether another scene begins between two neighbouring frames: other colours, and in other places."""
    if before.grey.shape != after.grey.shape:
        return True
    everywhere = np.ones(before.colours.shape, bool)
    alike = float(np.sqrt(histogram(before.colours, everywhere) * histogram(after.colours, everywhere)).sum())
    tiny = [cv2.resize(small.grey, (32, 18), interpolation=cv2.INTER_AREA) for small in (before, after)]
    return alike < 0.75 and float(cv2.absdiff(*tiny).mean()) > 24


@dataclass(slots=True)
class _Follower:
    """One clip's following."""

    look: Look
    pace: Pace
    points: list[tuple[float, Point]]
    last: Shot | None = None
    track: Track | None = None
    taken: int = field(default=0)

    def solve(self, window: Window) -> Window:
        """Give every shot of the window its alpha. Windows come in order, one at a time."""
        shots = window.shots
        if window.begins or self.last is None or self.track is None:
            seed, self.track = self._begin(shots)
            keys = sorted(
                {*range(seed, len(shots), self.pace.every), *range(seed, -1, -self.pace.every), 0, len(shots) - 1}
            )
            self._pass(shots, [key for key in keys if key <= seed][::-1], self.track.fork())
            self._pass(shots, [key for key in keys if key >= seed], self.track)
        else:
            shots = [self.last, *shots]
            keys = sorted({*range(0, len(shots), self.pace.every), len(shots) - 1})
            self._pass(shots, keys, self.track)
        for left, right in pairwise(keys):
            _carry(shots[left : right + 1])
        self.last = shots[-1]
        return window

    def _begin(self, shots: Sequence[Shot]) -> tuple[int, Track]:
        """The shot to start from, and a track with what a look at the whole of it shows."""
        looks = {
            at: self.look(shots[at].rgb) for at in sorted({*range(0, len(shots), self.pace.whole), len(shots) - 1})
        }
        mattes = {at: as_plane(alpha) for at, alpha in looks.items()}
        roots = {at: np.sqrt(histogram(shots[at].small.colours, matte > 0.6)) for at, matte in mattes.items()}

        def worth(at: int) -> float:
            sure = sureness(mattes[at]) * min(1.0, float((mattes[at] > 0.5).mean()) / 0.004)
            others = [float(roots[at] @ roots[other]) for other in roots if other != at]
            return sure * (float(np.mean(others)) if others else 1.0)

        seed = max(looks, key=worth)
        return seed, Track(mattes[seed])

    def _pass(self, shots: Sequence[Shot], keys: Sequence[int], track: Track) -> None:
        """Follow from the first key, whose place the track has, through the others in their order."""
        for before, key in zip([None, *keys], keys, strict=False):
            shot = shots[key]
            if before is not None:
                way = _way(shots[before : key + 1] if before < key else shots[key : before + 1][::-1])
                track.matte = moved(track.matte, way)
            elif shot.alpha is not None:
                continue
            self._see(shot, track)

    def _see(self, shot: Shot, track: Track) -> None:
        """Look at a key where the track is, and let the track learn from it."""
        box = track.box(shot.rgb.shape) if track.health > 0.15 else None
        seen = self._look_at(shot.rgb, box)
        added = track.added(as_plane(seen), shot.small.colours)
        matte = chance(log_odds(as_plane(seen)) + added)
        if box is not None and track.judge(matte) < _DOUBT:
            whole = self.look(shot.rgb)
            whole[box] = cv2.addWeighted(whole[box], 0.5, seen[box], 0.5, 0)
            seen = whole
            added = track.added(as_plane(seen), shot.small.colours)
            matte = chance(log_odds(as_plane(seen)) + added)
        shot.alpha = hear(seen, added)
        track.learn(matte, shot.small.colours)
        shot.matte = track.matte

    def _look_at(self, rgb: Pixels, box: tuple[slice, slice] | None) -> Pixels:
        """The alpha of the whole picture, looked at in the box only."""
        if box is None:
            return self.look(rgb)
        alpha = np.zeros(rgb.shape[:2], np.uint8)
        alpha[box] = self.look(np.ascontiguousarray(rgb[box]))
        return alpha


def _way(shots: Sequence[Shot]) -> Flow:
    """The flow from the last of the shots to the first."""
    way = flow(shots[1].small.grey, shots[0].small.grey)
    for before, here in pairwise(shots[1:]):
        way = chained(flow(here.small.grey, before.small.grey), way)
    return way


def _carry(shots: Sequence[Shot]) -> None:
    """Fill in the shots between the first and the last, which have their alpha."""
    first, last = shots[0], shots[-1]
    assert first.alpha is not None
    assert last.alpha is not None
    for at in range(1, len(shots) - 1):
        here = shots[at]
        ways = _way(shots[: at + 1]), _way(shots[at:][::-1])
        nearness = (len(shots) - 1 - at) / (len(shots) - 1), at / (len(shots) - 1)
        weights = tuple(
            near * (belief(here.small.grey, there.small.grey, way) + 0.02)
            for near, there, way in zip(nearness, (first, last), ways, strict=True)
        )
        here.alpha = carried((first.alpha, last.alpha), ways, (weights[0], weights[1]))
