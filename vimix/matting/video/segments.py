"""A clip in temporal windows: frames of one scene that are tracked together."""

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

from vimix.frame import Frame, Pixels
from vimix.imaging.optical_flow import Flow, optical_flow
from vimix.matting.image import fresh
from vimix.matting.video.motion import own_motion
from vimix.matting.video.small import Plane, Small, apply_log_odds, is_cut, shrink

_MEMORY = 128 << 20
"""Bytes of pictures that a window may hold: 16 frames of 1080p, 4 of 4K. Longer windows choose better seeds and hold
more memory."""


@dataclass(slots=True)
class FrameGroup:
    """A frame of the window, and those after it that equal it: they share one matte."""

    frames: list[Frame]
    small: Small
    alpha: Pixels | None = None
    full_prediction: Pixels | None = None
    """The alpha (H, W) that the network predicted from the whole picture, where it was asked."""
    fused: tuple[Pixels, Plane] | None = None
    """A predicted alpha (H, W) and the log-odds (h, w) to be added: its alpha, not computed yet."""
    before: Small | None = None
    """The group before this one in its scene, also where that is of the window before."""
    after: Small | None = None
    """The one after it in its window."""
    _step: Flow | None = None

    def step(self) -> Flow | None:
        """The flow to the group before this one, computed when first asked for; None where the scene begins here. Any
        thread may ask; two at once compute the same."""
        if self._step is None and self.before is not None:
            self._step = optical_flow(self.small.grey, self.before.grey)
        return self._step

    def own_motion(self) -> Flow | None:
        """What moves otherwise than the background from the group before this one; None for a single picture."""
        if (step := self.step()) is not None:
            return own_motion(step)
        return None if self.after is None else -own_motion(optical_flow(self.small.grey, self.after.grey))

    def matte(self) -> Pixels:
        """Its alpha (H, W), computed when first asked for. Any thread may ask; two at once compute the same."""
        fused = self.fused
        if self.alpha is None and fused is not None:
            self.alpha = apply_log_odds(*fused)
        assert self.alpha is not None
        self.fused = None  # it holds a picture's worth of memory
        return self.alpha

    @property
    def rgb(self) -> Pixels:
        """The picture."""
        return self.frames[0].rgb


@dataclass(slots=True)
class Window:
    """Frames of one scene, tracked together."""

    groups: list[FrameGroup]
    begins: bool
    """Whether a scene begins here."""


def precomputed(given: Generator[Window, None, None], threads: int) -> Generator[Window, None, None]:
    """The windows, with what does not depend on tracking computed for all their groups at once, on so many threads."""
    with closing(given), ThreadPoolExecutor(threads, thread_name_prefix="vimix-ahead") as pool:
        for window in given:
            list(pool.map(_precompute, window.groups))
            yield window


def _precompute(group: FrameGroup) -> None:
    assert len(group.small.colours) == len(group.small.grey)  # both are made and kept
    group.step()


def windows(frames: Iterable[Frame], most: int) -> Generator[Window, None, None]:
    """The clip in windows of at most `most` frames, none across a scene cut; each group knows its neighbours."""
    last: Small | None = None
    with closing(_windows(frames, most)) as given:
        for window in given:
            smalls = [group.small for group in window.groups]
            around = [None if window.begins else last, *smalls, None]
            for at, group in enumerate(window.groups):
                group.before, group.after = around[at], around[at + 2]
            last = smalls[-1]
            yield window


def _windows(frames: Iterable[Frame], most: int) -> Generator[Window, None, None]:
    groups: list[FrameGroup] = []
    begins, count = True, 0
    with closing(fresh(frames)) as checked:
        for frame, differs in checked:
            before = groups[-1] if groups else None
            if before and not differs:
                before.frames.append(replace(frame, rgb=before.rgb))
            else:
                group = FrameGroup([frame], Small(shrink(frame.rgb)))
                if before and (before.rgb.shape != frame.rgb.shape or is_cut(before.small, group.small)):
                    yield Window(groups, begins)
                    groups, begins, count = [], True, 0
                groups.append(group)
            count += 1
            if count >= max(4, min(most, _MEMORY // (frame.rgb.nbytes * 4 // 3))):
                yield Window(groups, begins)
                groups, begins, count = [], False, 0
    if groups:
        yield Window(groups, begins)
