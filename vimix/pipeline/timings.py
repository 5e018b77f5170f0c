"""Where the time of a run goes.

At every moment a run waits for one stage: the first one, seen from the end of the pipeline, that is asked for a frame
and does not itself wait for the stage before it. While nobody waits for a frame, the frame that came last is being
encoded. So the seconds of all stages add up to those of the run, whatever threads the stages have.
"""

import threading
from collections import defaultdict
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter

from vimix.frame import Frame, Frames, Stage

PREPARING, ENCODING = "preparing", "encoding"


@dataclass(slots=True, eq=False)
class _Boundary:
    """The end of a stage, where its frames are taken from it."""

    name: str
    place: int
    """Stages have ascending places in the order of the pipeline."""
    waiting: bool = False
    """Whether somebody waits there for a frame."""


class Clock:
    """Adds up for how long a run waited for each stage. Begins with what is prepared before the first frame."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._places = 0
        self._open: list[_Boundary] = []
        self._cause, self._since = PREPARING, perf_counter()
        self._lock = threading.Lock()

    def timed(self, name: str, stage: Stage) -> Stage:
        """`stage`, known by that name. To be called in the order of the pipeline.

        A stage that is worked on ahead of time, beside the next one, is named while it is worked on.
        """
        self._places += 1
        place = self._places

        def counted(frames: Iterable[Frame]) -> Frames:
            boundary = _Boundary(name, place)
            with closing(stage(frames)) as made:
                self._change(opened=boundary)
                try:
                    while True:
                        self._change(boundary, True)
                        frame = next(made, None)
                        self._change(boundary, False)
                        if frame is None:
                            return
                        yield frame
                        del frame
                finally:
                    self._change(closed=boundary)

        return counted

    def seconds(self) -> dict[str, float]:
        """By stage, up to now."""
        with self._lock:
            self._count()
            return {name: spent for name, spent in self._seconds.items() if spent}

    def _change(
        self,
        boundary: _Boundary | None = None,
        waiting: bool = False,
        *,
        opened: _Boundary | None = None,
        closed: _Boundary | None = None,
    ) -> None:
        with self._lock:
            self._count()
            if boundary is not None:
                boundary.waiting = waiting
            if opened is not None:
                self._open = sorted([*self._open, opened], key=lambda one: one.place)
            if closed is not None:
                self._open.remove(closed)
            self._cause = ENCODING
            for one in reversed(self._open):
                if not one.waiting:
                    break
                self._cause = one.name

    def _count(self) -> None:
        now = perf_counter()
        self._seconds[self._cause] += now - self._since
        self._since = now


def passed_on(frames: Iterable[Frame]) -> Frames:
    """The frames as they come: a stage that only has an end, to be timed at."""
    try:
        yield from frames
    finally:
        if isinstance(frames, Generator):
            frames.close()
