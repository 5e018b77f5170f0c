"""The words everything else is said in: a frame, a run of frames, a stage, and what is known of a clip.

Alpha is 8 bits all the way: no network here resolves more, every sink stores 8, and a 720p plane stays at 0.9 MB.
A stage that needs finer steps (averaging over time, say) keeps its own float planes and rounds once, at its end.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a clip and its matte."""

    rgb: Pixels
    """(H, W, 3), sRGB as displayed: rotation applied, HDR tone-mapped, never premultiplied."""
    alpha: Pixels
    """(H, W), 0 clear to 255 opaque. A decoded picture without transparency is 255 throughout."""
    time: Fraction
    """Presentation time in seconds from the first frame, exact; a variable frame rate is the normal case."""
    duration: Fraction
    """Seconds until the next frame, above 0."""

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.alpha.shape != self.rgb.shape[:2]:
            raise ValueError(f"rgb and alpha disagree: {self.rgb.shape = }, {self.alpha.shape = }")

    @property
    def nbytes(self) -> int:
        """Bytes of both planes; an opaque alpha that is stored as one byte counts as that."""
        return self.rgb.nbytes + (self.alpha.nbytes if any(self.alpha.strides) else 1)

    def __repr__(self) -> str:
        height, width = self.alpha.shape
        return f"Frame({width}x{height} at {float(self.time):.3f} s for {float(self.duration):.3f} s)"


Frames = Generator[Frame, None, None]
Stage = Callable[[Iterable[Frame]], Frames]
"""A function from frames to frames. Frames come out in order; closing the generator ends everything it started."""


def chained(stages: Sequence[Stage]) -> Stage:
    """One stage that sends frames through `stages`, first to last.

    However it ends, they are closed last to first. The stack matters: without it an exception that somebody holds keeps
    the generators before it, and so their threads, alive.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        with ExitStack() as open_stages:
            for each in stages:
                frames = open_stages.enter_context(closing(each(frames)))
            yield from frames

    return stage


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What a clip is, after rotation, aspect, trimming and resampling: what its frames will look like."""

    width: int
    height: int
    fps: Fraction
    """Frames a second: the mean, where the rate varies."""
    seconds: Fraction | None
    """Length, or None where only decoding can tell."""
    frames: int | None
    """How many frames to expect, or None; headers lie, so this is for progress, never for allocation."""
    codec: str
    container: str
    rotation: int = 0
    """Degrees by which the stored picture was turned for display: 0, 90, 180, 270."""
    hdr: str | None = None
    """`PQ` or `HLG` where the clip was tone-mapped to SDR."""
    variable_rate: bool = False
    audio: bool = False
    alpha: bool = False
    still: bool = False
    """A single picture without time."""
    plays: int = 0
    """How often an animated picture is shown; 0 for ever, and for clips."""


def opaque(height: int, width: int) -> Pixels:
    """The alpha of a picture that hides everything: a read-only view that costs one byte."""
    return np.broadcast_to(np.uint8(255), (height, width))
