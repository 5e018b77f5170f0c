"""A clip in windows: frames of one scene that are solved together."""

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace

from vimix.frame import Frame, Pixels
from vimix.imaging.optical_flow import Flow, flow
from vimix.matting.image import fresh
from vimix.matting.video.appearance import Plane, Small, hear, is_cut, shrink

_MEMORY = 128 << 20
"""Bytes of pictures that a window may hold."""


@dataclass(slots=True)
class Shot:
    """A frame of the window, and those after it that equal it."""

    frames: list[Frame]
    small: Small
    alpha: Pixels | None = None
    whole: Pixels | None = None
    """What a look at the whole of it shows, where there was one."""
    fused: tuple[Pixels, Plane] | None = None
    """What a look at it shows, and the log-odds to be added: its alpha, not made yet."""
    before: Small | None = None
    step: Flow | None = None
    """The flow to the shot `before` this one, where it was found ahead of time."""

    def matte(self) -> Pixels:
        """Its alpha, which is made when it is first asked for. Any thread may ask; two at once make the same."""
        fused = self.fused
        if self.alpha is None and fused is not None:
            self.alpha = hear(*fused)
        assert self.alpha is not None
        self.fused = None  # it holds a picture's worth of memory
        return self.alpha

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


def prepared(taken: Generator[Window, None, None], threads: int) -> Generator[Window, None, None]:
    """The windows, with what does not hang on the track worked out for all their shots at once, on so many threads."""
    last: Small | None = None
    with closing(taken), ThreadPoolExecutor(threads, thread_name_prefix="vimix-ahead") as pool:
        for window in taken:
            smalls = [shot.small for shot in window.shots]
            list(pool.map(_prepare, window.shots, [None if window.begins else last, *smalls[:-1]]))
            last = smalls[-1]
            yield window


def _prepare(shot: Shot, before: Small | None) -> None:
    assert len(shot.small.colours) == len(shot.small.grey)  # both are made and kept
    if before is not None and before.grey.shape == shot.small.grey.shape:
        shot.before, shot.step = before, flow(shot.small.grey, before.grey)


def windows(frames: Iterable[Frame], most: int) -> Generator[Window, None, None]:
    """Groups of frames, none across a cut."""
    shots: list[Shot] = []
    begins, count = True, 0
    with closing(fresh(frames)) as told:
        for frame, differs in told:
            before = shots[-1] if shots else None
            if before and not differs:
                before.frames.append(replace(frame, rgb=before.rgb))
            else:
                shot = Shot([frame], Small(shrink(frame.rgb)))
                if before and (before.rgb.shape != frame.rgb.shape or is_cut(before.small, shot.small)):
                    yield Window(shots, begins)
                    shots, begins, count = [], True, 0
                shots.append(shot)
            count += 1
            if count >= max(4, min(most, _MEMORY // (frame.rgb.nbytes * 4 // 3))):
                yield Window(shots, begins)
                shots, begins, count = [], False, 0
    if shots:
        yield Window(shots, begins)
