"""Fewer frames a second, for a smaller file: what is left out leaves its time to the frame before it."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from vimix.frame import Frame, Frames, Stage


def thin(fps: float | None, seconds: float | None = None) -> Stage:
    """At most `fps` frames a second: the first that begins in each beat of that rate. Nothing is moved.

    With `seconds` the clip ends exactly then: later frames are left out, or the last one stays for so long.
    """
    beat = None if fps is None else 1 / Fraction(fps).limit_denominator(1001)
    end = None if seconds is None else Fraction(seconds).limit_denominator(1001)

    def stage(frames: Iterable[Frame]) -> Frames:
        held: Frame | None = None
        for frame in frames:
            if end is not None and frame.time >= end:
                break
            if held is None:
                held = frame
            elif beat is None or frame.time // beat > held.time // beat:
                yield replace(held, duration=frame.time - held.time)
                held = frame
            else:
                held = replace(held, duration=frame.time + frame.duration - held.time)
        if held is not None:
            yield held if end is None else replace(held, duration=end - held.time)

    return stage
