"""A clip in windows: frames of one scene that are solved together."""

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace

from vimix.frame import Frame, Pixels
from vimix.matting.image import fresh
from vimix.matting.video.appearance import Small, is_cut, shrink

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
