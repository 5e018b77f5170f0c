"""Tracking the subject through the clip: better than predicting every frame by itself, with fewer predictions.

Frames are taken in windows. In a window some frames are keys: the network is given a crop around where the subject must
be (`AppearanceModel` says where, and fuses what the network finds); mattes of the frames between are propagated along
the optical flow from both sides. Where a scene begins, the network is given a few whole frames, and tracking starts, in
both directions, from the one that is most confident and most like the others. A window waits for its last frame: that
is the delay of tracking, and the most it holds in memory. A frame equal to the one before costs nothing.
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
from vimix.imaging.optical_flow import Flow, consistency, warp
from vimix.matting.engine import Predict
from vimix.matting.image import product
from vimix.matting.video.appearance import AppearanceModel
from vimix.matting.video.marked_regions import component_at
from vimix.matting.video.motion import Moving
from vimix.matting.video.propagation import Chunk, Interval, flows_to_first, propagate
from vimix.matting.video.seed import Candidate, best_seed
from vimix.matting.video.segments import FrameGroup, Window, precomputed, windows
from vimix.matting.video.small import Plane, as_plane
from vimix.points import Point


@dataclass(frozen=True, slots=True)
class KeyframePolicy:
    """Which frames are keys: those that the network predicts."""

    max_interval: int
    """Frames from key to key at most."""
    min_consistency: float = 0.0
    """0-1: a key is set sooner where the warped picture is less consistent with the frame than that."""
    window: int = 32
    """Frames tracked together: the delay."""
    scan_interval: int = 10
    """Frames from one prediction of a whole frame to the next where a scene begins."""
    drift: int = 3
    """Small pixels by which flow from key to key is wrong inside of the subject: within that distance of its edge
    nothing vouches for it. More gives up limbs that blur or fade for a moment, less holds on to what flow carries
    along."""
    coast: int = 1
    """Keys in a row whose implausible prediction is outvoted by motion, about two frames: with more, what comes out
    from behind a tree is lost, with none what the network misses once."""
    memory: int = 8
    """Keys by which it is told whether the subject travels, about sixteen frames: more are surer, fewer notice sooner
    that it stops."""
    min_plausibility: float = 0.7
    """A key whose matte is less plausible than that is predicted once more, from the whole frame."""


BALANCED = KeyframePolicy(2, min_consistency=0.3)
POLICIES = {
    "fast": KeyframePolicy(
        12, min_consistency=0.15, window=36, scan_interval=36, drift=6, coast=0, min_plausibility=0.3
    ),
    "balanced": BALANCED,
    "best": KeyframePolicy(1, coast=2, memory=16),
}
"""By quality; all with the network at 768: at 1024 and at 512 tracking is worse (docs/quality.md)."""

_SAME = 0.8
"""Share of the tracked subject that must be within what a person points at for the click to change nothing. Lower
ignores clicks that were meant, higher starts anew for nothing."""


def track_subject(
    predict: Predict,
    *,
    policy: KeyframePolicy = BALANCED,
    points: Sequence[Point] = (),
    start: float = 0.0,
    threads: int = 1,
) -> Stage:
    """Cut out one subject, or those that stand together, through the whole clip.

    `points` say which (times in seconds of the clip before trimming, of which `start` were cut off); a later one
    corrects from there on. The alpha that a frame brings is kept: the result is the product of both. Each prediction
    waits for the one before; with more than two `threads`, what does not is computed beside them, to the same result.
    Raises what `predict` raises.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        executor = ThreadPoolExecutor(1, thread_name_prefix="vimix-predict") if threads > 2 else None
        tracker = _Tracker(predict, policy, [(point.time - start, point) for point in points], pool=executor)
        given = windows(frames, policy.window)
        given = ahead(precomputed(given, threads) if threads > 2 else given, depth=1)
        workers = max(1, threads // 4)
        solving = in_order(propagate, tracker.chunks(given), workers=workers, waiting=4)
        with executor or nullcontext(), closing(solving) as solved:
            for group in chain.from_iterable(solved):
                alpha = group.matte()
                for frame in group.frames:
                    yield replace(frame, alpha=product(alpha, frame.alpha))

    return stage


@dataclass(slots=True)
class _Tracker:
    """The state of tracking through one clip."""

    predict: Predict
    policy: KeyframePolicy
    points: list[tuple[float, Point]]
    """Seconds and places, in order of time."""
    last: FrameGroup | None = None
    appearance: AppearanceModel | None = None
    pool: ThreadPoolExecutor | None = None
    """A thread to predict on, while what does not need the prediction is computed; None: one after the other."""

    def chunks(self, given: Generator[Window, None, None]) -> Generator[Chunk, None, None]:
        """Every frame group once, in order, as soon as the keys it needs are predicted."""
        with closing(given):
            yield from chain.from_iterable(map(self._solve, given))

    def _solve(self, window: Window) -> Generator[Chunk, None, None]:
        groups, done = window.groups, 0
        clicked = self._clicked(groups)
        if window.begins or self.last is None or self.appearance is None:
            seed, appearance = self._find_seed(groups)
            if clicked:
                at, points = clicked.pop(0)
                tried = appearance.fork()
                self._predict_key(groups[seed], tried)
                list(self._track_through(groups[seed : at + 1] if at > seed else groups[at : seed + 1][::-1], tried))
                if not self._agrees(groups[at], points):
                    seed, appearance = at, self._model_of(groups[at], points)
            if self.appearance is not None and self.appearance.floor and not appearance.floor:
                appearance.remember(self.appearance)
            self._predict_key(groups[seed], appearance)
            yield Chunk(groups[: seed + 1], list(self._track_through(groups[seed::-1], appearance.fork())))
            self.last, self.appearance, done = groups[seed], appearance, seed + 1
        for at, points in clicked:
            yield from self._track_forward([self.last, *groups[done:at]], self.appearance)
            list(self._track_through([groups[at - 1] if at > done else self.last, groups[at]], self.appearance))
            if not self._agrees(groups[at], points):
                self.appearance = self._model_of(groups[at], points)
                self._predict_key(groups[at], self.appearance)
            yield Chunk([groups[at]])
            self.last, done = groups[at], at + 1
        yield from self._track_forward([self.last, *groups[done:]], self.appearance)
        self.last = groups[-1]

    def _clicked(self, groups: Sequence[FrameGroup]) -> list[tuple[int, list[Point]]]:
        """The groups that a person pointed at, with the points, which are taken off the list."""
        found: dict[int, list[Point]] = {}
        ends = [float(group.frames[-1].time + group.frames[-1].duration) for group in groups]
        while self.points and self.points[0][0] < ends[-1]:
            time, point = self.points.pop(0)
            found.setdefault(next(at for at, end in enumerate(ends) if time < end), []).append(point)
        return list(found.items())

    def _components_at(self, group: FrameGroup, points: Sequence[Point]) -> Plane:
        """The components at the points of that group, (h, w)."""
        full = as_plane(self._predict_full(group))
        return np.asarray(np.max([component_at(full, point) for point in points], axis=0), np.float32)

    def _model_of(self, group: FrameGroup, points: Sequence[Point]) -> AppearanceModel:
        """A model of the components at the points of that group."""
        return self._new_model(self._components_at(group, points), floor=0.5)

    def _new_model(self, matte: Plane, *, floor: float = 0.0, parts: Sequence[Moving] = ()) -> AppearanceModel:
        """A model of that subject (h, w), with the policy's memory."""
        return AppearanceModel(
            matte, floor=floor, parts=list(parts), coast=self.policy.coast, memory=self.policy.memory
        )

    def _agrees(self, group: FrameGroup, points: Sequence[Point]) -> bool:
        """Whether what was tracked is what the points say, or a part of it without what is merely attached to it."""
        found, meant = as_plane(group.matte()), self._components_at(group, points)
        hit = all((component_at(found, point) * found).any() for point in points)
        return hit and float(np.minimum(found, meant).sum()) > _SAME * float(found.sum())

    def _predict_full(self, group: FrameGroup) -> Pixels:
        if group.full_prediction is None:
            group.full_prediction = self.predict(group.rgb)
        return group.full_prediction

    def _find_seed(self, groups: Sequence[FrameGroup]) -> tuple[int, AppearanceModel]:
        """The group to start from, and a model of what is predicted from the whole of it."""
        places = sorted({*range(0, len(groups), self.policy.scan_interval), len(groups) - 1})
        candidates = [Candidate.of(as_plane(self._predict_full(groups[at])), groups[at]) for at in places]
        best, matte, parts = best_seed(candidates)
        return places[best], self._new_model(matte, parts=parts)

    def _track_forward(self, groups: Sequence[FrameGroup], appearance: AppearanceModel) -> Generator[Chunk, None, None]:
        for interval in self._track_through(groups, appearance):
            yield Chunk(interval.groups[1:], [interval])

    def _track_through(
        self, groups: Sequence[FrameGroup], appearance: AppearanceModel
    ) -> Generator[Interval, None, None]:
        """Track from the first of the groups, which has its alpha, through the others; intervals are left to fill."""
        at = 0
        while at < len(groups) - 1:
            flows: list[Flow] = []
            for here, flow in flows_to_first(groups[at : at + self.policy.max_interval + 1]):
                flows.append(flow)
                if self._lost(appearance, groups[at], here, flow):
                    break
            appearance.matte = warp(appearance.matte, flow)
            appearance.shrink_box(len(flows))
            self._predict_key(here, appearance, consistency(here.small.rgb, groups[at].small.rgb, flow))
            yield Interval(groups[at : at + len(flows) + 1], flows)
            at += len(flows)

    def _lost(self, appearance: AppearanceModel, key: FrameGroup, here: FrameGroup, flow: Flow) -> bool:
        """Whether motion alone no longer says where the subject is."""
        subject = warp(appearance.matte, flow) > 0.3
        return (
            not subject.any()
            or float(consistency(here.small.rgb, key.small.rgb, flow)[subject].mean()) < self.policy.min_consistency
        )

    def _predict_key(self, group: FrameGroup, appearance: AppearanceModel, trust: Plane | None = None) -> None:
        """Predict a key where the subject is expected, and update the model by it. `trust` (h, w, 0-1): how well the
        flow that warped the model's matte there explains the picture."""
        box = appearance.box(group.rgb.shape) if appearance.reliability > 0.15 else None
        call = partial(self._predict_full, group) if box is None else partial(self._predict_in_box, group.rgb, box)
        pending = self.pool.submit(call) if self.pool else None
        expected = appearance.expect(group.small.colours, trust, group.own_motion(), self.policy.drift)
        seen = pending.result() if pending else call()
        matte, added = appearance.fuse(seen, expected)
        if box is not None and appearance.plausibility(matte) < self.policy.min_plausibility:
            full = self._predict_full(group).copy()
            full[box] = cv2.addWeighted(full[box], 0.5, seen[box], 0.5, 0)
            seen = full
            matte, added = appearance.fuse(seen, expected)
        group.alpha, group.fused = None, (seen, added)
        appearance.update(matte, group.small.colours)

    def _predict_in_box(self, rgb: Pixels, box: tuple[slice, slice]) -> Pixels:
        """The alpha (H, W) of the whole picture, predicted in the box only; 0 outside."""
        alpha = np.zeros(rgb.shape[:2], np.uint8)
        alpha[box] = self.predict(np.ascontiguousarray(rgb[box]))
        return alpha
