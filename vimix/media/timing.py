"""When frames are shown: trimming and resampling as arithmetic on exact times, the same for a plan and for the work.

A frame lasts until the next one begins. Trimming keeps what is shown within the span, to the nearest frame, and the
kept frames fill the span exactly. Resampling only leaves frames out, those farthest from the times of the wanted rate,
and never moves or repeats one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Generic, TypeVar

from vimix.frame import Frame, Frames, Stage

T = TypeVar("T")

_SLIVER = Fraction(1, 25)
"""Seconds: half of this is enough of a longer frame to be worth showing."""


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """Something on show."""

    time: Fraction
    duration: Fraction
    what: T


@dataclass(frozen=True, slots=True)
class Span:
    """The part that is wanted, in seconds of the clip."""

    start: Fraction
    end: Fraction
    """After `start`."""
    fps: Fraction | None = None
    """At most so many frames a second; None keeps all."""

    def wants(self, time: Fraction, end: Fraction) -> bool:
        """Whether a frame shown from `time` to `end` belongs to this part."""
        if self.start <= time and end <= self.end:
            return True
        overlap = min(end, self.end) - max(time, self.start)
        return 2 * overlap >= min(end - time, self.end - self.start, _SLIVER) and overlap > 0


def lasting(items: Iterable[tuple[Fraction, T]], end: Fraction) -> Iterator[Shown[T]]:
    """Give each item, in order of time, its duration; the last one lasts until `end`. What goes back in time, or
    stands still, is left out."""
    held: tuple[Fraction, T] | None = None
    for time, what in items:
        if held is None:
            held = (time, what)
        elif time > held[0]:
            yield Shown(held[0], time - held[0], held[1])
            held = (time, what)
    if held is not None and end > held[0]:
        yield Shown(held[0], end - held[0], held[1])


def schedule(items: Iterable[tuple[Fraction, T]], end: Fraction, span: Span) -> Iterator[Shown[T]]:
    """What is shown of `span`, its time counted from the start of the span. `end` is where the clip ends."""
    chosen = ((shown.time, shown.what) for shown in _on_beat(lasting(items, end), span))
    for number, shown in enumerate(lasting(chosen, span.end)):
        late = shown.time - span.start if number else Fraction(0)
        yield Shown(late, shown.time + shown.duration - span.start - late, shown.what)


def _on_beat(items: Iterable[Shown[T]], span: Span) -> Iterator[Shown[T]]:
    """Of the frames in `span`, for each time of its rate the frame that is nearest: of two, the earlier."""
    step = 1 / span.fps if span.fps else Fraction(0)
    wanted: Fraction | None = None
    for shown in items:
        if shown.time >= span.end:
            return
        if not span.wants(shown.time, shown.time + shown.duration):
            continue
        if wanted is None:
            wanted = span.start + step
            yield shown
        elif not step:
            yield shown
        elif shown.time + shown.duration / 2 > wanted and wanted < span.end:
            wanted = max(wanted + step, span.start + ((shown.time - span.start) // step + 1) * step)
            yield shown


def limit_fps(fps: float | None, seconds: float | None = None) -> Stage:
    """At most `fps` frames a second, by the rule that `schedule` chooses by: nothing is moved, and what is left out
    leaves its time to the frame before it.

    With `seconds` the clip ends exactly then: later frames are left out, or the last one stays for so long.
    """
    span = Span(
        Fraction(0),
        Fraction(10**9) if seconds is None else Fraction(seconds).limit_denominator(1001),  # 30 years: no end
        None if fps is None else Fraction(fps).limit_denominator(1001),
    )

    def stage(frames: Iterable[Frame]) -> Frames:
        end = span.end
        held: Frame | None = None

        def shown() -> Iterator[Shown[Frame]]:
            nonlocal end
            for frame in frames:
                if seconds is None:
                    end = frame.time + frame.duration
                yield Shown(frame.time, frame.duration, frame)

        for one in _on_beat(shown(), span):
            if held is not None:
                yield replace(held, duration=one.time - held.time)
            held = one.what
        if held is not None:
            yield replace(held, duration=end - held.time)

    return stage


def mean_rate(count: int, seconds: Fraction, said: Fraction | None) -> Fraction:
    """Frames a second; the rate that the file says where it is the same within 0.5%, for it is the exact one."""
    mean = count / seconds if seconds > 0 else Fraction(0)
    if said and abs(mean - said) * 200 <= said:
        return said
    return mean.limit_denominator(1001)


def is_variable(times: Sequence[Fraction], tick: Fraction) -> bool:
    """Whether the gaps between frames differ by more than rounding to ticks of the container's clock explains."""
    gaps = [after - before for before, after in pairwise(times)]
    if len(gaps) < 2:
        return False
    usual = median(gaps)
    return max(abs(gap - usual) for gap in gaps) > 2 * max(tick, Fraction(1, 2000))
