"""Following the subject through the clip: better than looking at every frame by itself, with fewer looks.

Frames are taken in windows. In a window some frames are keys: the network looks at a box around where the subject must
be (`track` says where, and what to make of it); the matte of the frames between is carried along the motion from both
sides. Where a scene begins, a few whole frames are looked at, and following starts from the one that is surest and most
like the others, in both directions. A window waits for its last frame: that is what following costs in delay, and the
most it holds in memory; then frames come as they are found. A frame equal to the one before costs nothing.
"""

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import cv2
import numpy as np

from vimix.concurrency.threads import ahead, in_order
from vimix.frame import Frame, Frames, Pixels, Stage
from vimix.imaging.optical_flow import Flow, belief, moved
from vimix.matting.engine import Predict
from vimix.matting.image import product
from vimix.matting.video.appearance import Plane, Track, as_plane, histogram, standing_at, sureness
from vimix.matting.video.propagation import Gap, Stretch, filled, ways_to_first
from vimix.matting.video.segments import Shot, Window, prepared, windows
from vimix.points import Point


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the network looks."""

    every: int
    """Frames from key to key at most."""
    trust: float = 0.0
    """0-1: a key is set sooner where the picture, moved along, agrees less than that with what is there."""
    window: int = 32
    """Frames taken together."""
    whole: int = 10
    """Frames from one whole-frame look to the next where a scene begins."""
    doubt: float = 0.7
    """A key whose matte is judged lower (`Track.judge`) is looked at once more, whole."""


BALANCED = Pace(2, trust=0.3)
PACES = {"fast": Pace(12, trust=0.15, window=36, whole=36, doubt=0.3), "balanced": BALANCED, "best": Pace(1)}
"""By quality; all with the network at 768: at 1024 and at 512 following is worse (docs/quality.md)."""

_ALL = 0.5
"""How much a look counts that shows all there is: the power of its share of the largest area seen."""
_SAME = 0.8
"""Share of what was followed that must be of what somebody points at, for the click to change nothing."""


def follow(
    look: Predict, *, pace: Pace = BALANCED, points: Sequence[Point] = (), start: float = 0.0, threads: int = 1
) -> Stage:
    """Cut out one subject, or those that stand together, through the whole clip.

    `points` say which (times in seconds of the clip before trimming, of which `start` were cut off); a later one
    corrects from there on. The alpha that a frame brings is kept: the result is the product of both. Each prediction
    waits for the one before; with more than two `threads`, what does not is worked out beside them, to the same result.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        beside = ThreadPoolExecutor(1, thread_name_prefix="vimix-look") if threads > 2 else None
        follower = _Follower(look, pace, [(point.time - start, point) for point in points], pool=beside)
        taken = windows(frames, pace.window)
        taken = ahead(prepared(taken, threads) if threads > 2 else taken, depth=1)
        workers = max(1, threads // 4)
        solving = in_order(filled, follower.stretches(taken), workers=workers, waiting=4)
        with beside or nullcontext(), closing(solving) as solved:
            for shot in chain.from_iterable(solved):
                alpha = shot.matte()
                for frame in shot.frames:
                    yield replace(frame, alpha=product(alpha, frame.alpha))

    return stage


@dataclass(slots=True)
class _Follower:
    """One clip's following."""

    look: Predict
    pace: Pace
    points: list[tuple[float, Point]]
    """Seconds and places, in order of time."""
    last: Shot | None = None
    track: Track | None = None
    pool: ThreadPoolExecutor | None = None
    """A thread to look on, while what can be said without looking is worked out; None: one after the other."""

    def stretches(self, taken: Generator[Window, None, None]) -> Generator[Stretch, None, None]:
        """Every shot once, in order, as soon as what it needs was looked at."""
        with closing(taken):
            yield from chain.from_iterable(map(self._solve, taken))

    def _solve(self, window: Window) -> Generator[Stretch, None, None]:
        shots, done = window.shots, 0
        clicked = self._clicked(shots)
        if window.begins or self.last is None or self.track is None:
            seed, track = self._begin(shots)
            if clicked:
                at, points = clicked.pop(0)
                tried = track.fork()
                self._see(shots[seed], tried)
                list(self._pass(shots[seed : at + 1] if at > seed else shots[at : seed + 1][::-1], tried))
                if not self._agrees(shots[at], points):
                    seed, track = at, self._pointed(shots[at], points)
            if self.track is not None and self.track.floor and not track.floor:
                track.remember(self.track)
            self._see(shots[seed], track)
            yield Stretch(shots[: seed + 1], list(self._pass(shots[seed::-1], track.fork())))
            self.last, self.track, done = shots[seed], track, seed + 1
        for at, points in clicked:
            yield from self._onward([self.last, *shots[done:at]], self.track)
            list(self._pass([shots[at - 1] if at > done else self.last, shots[at]], self.track))
            if not self._agrees(shots[at], points):
                self.track = self._pointed(shots[at], points)
                self._see(shots[at], self.track)
            yield Stretch([shots[at]])
            self.last, done = shots[at], at + 1
        yield from self._onward([self.last, *shots[done:]], self.track)
        self.last = shots[-1]

    def _clicked(self, shots: Sequence[Shot]) -> list[tuple[int, list[Point]]]:
        """The shots that somebody pointed at, with the places; what is pointed at is then forgotten."""
        found: dict[int, list[Point]] = {}
        ends = [float(shot.frames[-1].time + shot.frames[-1].duration) for shot in shots]
        while self.points and self.points[0][0] < ends[-1]:
            time, point = self.points.pop(0)
            found.setdefault(next(at for at, end in enumerate(ends) if time < end), []).append(point)
        return list(found.items())

    def _meant(self, shot: Shot, points: Sequence[Point]) -> Plane:
        """What stands at the points of that shot."""
        whole = as_plane(self._whole(shot))
        return np.asarray(np.max([standing_at(whole, point) for point in points], axis=0), np.float32)

    def _pointed(self, shot: Shot, points: Sequence[Point]) -> Track:
        """A track of what stands at the points of that shot."""
        return Track(self._meant(shot, points), floor=0.5)

    def _agrees(self, shot: Shot, points: Sequence[Point]) -> bool:
        """Whether what was followed is what the points say, or a part of it without what only hangs on to it."""
        found, meant = as_plane(shot.matte()), self._meant(shot, points)
        hit = all((standing_at(found, point) * found).any() for point in points)
        return hit and float(np.minimum(found, meant).sum()) > _SAME * float(found.sum())

    def _whole(self, shot: Shot) -> Pixels:
        if shot.whole is None:
            shot.whole = self.look(shot.rgb)
        return shot.whole

    def _begin(self, shots: Sequence[Shot]) -> tuple[int, Track]:
        """The shot to start from, and a track with what a look at the whole of it shows."""
        places = sorted({*range(0, len(shots), self.pace.whole), len(shots) - 1})
        mattes = {at: as_plane(self._whole(shots[at])) for at in places}
        roots = {at: np.sqrt(histogram(shots[at].small.colours, matte > 0.6)) for at, matte in mattes.items()}
        sizes = {at: 1.0 + float(np.count_nonzero(matte > 0.9)) for at, matte in mattes.items()}

        def worth(at: int) -> float:
            sure = sureness(mattes[at]) * min(1.0, float((mattes[at] > 0.5).mean()) / 0.004)
            others = [float(roots[at] @ roots[other]) for other in roots if other != at]
            return sure * (float(np.mean(others)) if others else 1.0) * float((sizes[at] / max(sizes.values())) ** _ALL)

        return (seed := max(places, key=worth)), Track(mattes[seed])

    def _onward(self, shots: Sequence[Shot], track: Track) -> Generator[Stretch, None, None]:
        for gap in self._pass(shots, track):
            yield Stretch(gap.shots[1:], [gap])

    def _pass(self, shots: Sequence[Shot], track: Track) -> Generator[Gap, None, None]:
        """Follow from the first of the shots, which has its alpha, through the others; what is left is to fill gaps."""
        at = 0
        while at < len(shots) - 1:
            ways: list[Flow] = []
            for here, way in ways_to_first(shots[at : at + self.pace.every + 1]):
                ways.append(way)
                if self._lost(track, shots[at], here, way):
                    break
            track.matte = moved(track.matte, way)
            self._see(here, track)
            yield Gap(shots[at : at + len(ways) + 1], ways)
            at += len(ways)

    def _lost(self, track: Track, key: Shot, here: Shot, way: Flow) -> bool:
        """Whether motion alone no longer tells where the subject is."""
        subject = moved(track.matte, way) > 0.3
        return not subject.any() or float(belief(here.small.rgb, key.small.rgb, way)[subject].mean()) < self.pace.trust

    def _see(self, shot: Shot, track: Track) -> None:
        """Look at a key where the track is, and let the track learn from it."""
        box = track.box(shot.rgb.shape) if track.health > 0.15 else None
        look = partial(self._whole, shot) if box is None else partial(self._look_at, shot.rgb, box)
        looking = self.pool.submit(look) if self.pool else None
        expected = track.expect(shot.small.colours)
        seen = looking.result() if looking else look()
        matte, added = track.heard(seen, expected)
        if box is not None and track.judge(matte) < self.pace.doubt:
            whole = self._whole(shot).copy()
            whole[box] = cv2.addWeighted(whole[box], 0.5, seen[box], 0.5, 0)
            seen = whole
            matte, added = track.heard(seen, expected)
        shot.alpha, shot.fused = None, (seen, added)
        track.learn(matte, shot.small.colours)

    def _look_at(self, rgb: Pixels, box: tuple[slice, slice]) -> Pixels:
        """The alpha of the whole picture, looked at in the box only."""
        alpha = np.zeros(rgb.shape[:2], np.uint8)
        alpha[box] = self.look(np.ascontiguousarray(rgb[box]))
        return alpha
