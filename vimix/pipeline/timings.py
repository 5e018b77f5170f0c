"""Where the time of a run goes."""

import threading
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from time import perf_counter

from vimix.frame import Frame, Frames, Stage


class Clock:
    """Adds up the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        """By stage: how long the run waited for it, less what it waited for the stage before it. With threads these
        are shares of the wall time, not processor time: a stage that always keeps ahead costs nothing here."""

    def timed(self, name: str, stage: Stage) -> Stage:
        """`stage`, with its time counted under `name`."""

        def counted(frames: Iterable[Frame]) -> Frames:
            here, before = threading.get_ident(), 0.0

            def given() -> Frames:
                nonlocal before
                came = iter(frames)
                while True:
                    began = perf_counter()
                    frame = next(came, None)
                    if threading.get_ident() == here:
                        before += perf_counter() - began
                    if frame is None:
                        return
                    yield frame
                    del frame

            with closing(stage(given())) as made:
                while True:
                    began, waited = perf_counter(), before
                    frame = next(made, None)
                    self.seconds[name] += perf_counter() - began - (before - waited)
                    if frame is None:
                        return
                    yield frame
                    del frame

        return counted
