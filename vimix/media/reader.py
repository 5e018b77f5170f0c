"""What a reader of files must find out and be able to do; video.py and pictures.py are the two of them."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from vimix.frame import Pixels

Size = tuple[int, int]
"""Width and height in pixels."""
Paint = Callable[[], tuple[Pixels, Pixels | None]]
"""Makes the rgb (H, W, 3) of a decoded picture and its alpha (H, W), None where it hides everything: only the
pictures that are kept pay for it."""
Dated = tuple[Fraction, Paint]
"""A decoded picture and when it is shown, in seconds of the clip."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A file as it is, before trimming, resampling and scaling."""

    size: Size
    """As displayed: aspect and rotation applied."""
    times: tuple[Fraction, ...]
    """When each picture is shown, in seconds from the first, in order."""
    end: Fraction
    """When the last one ends."""
    tick: Fraction
    """Seconds; the file's times are multiples of it."""
    codec: str
    container: str
    rate: Fraction | None = None
    """Frames a second as the file says, if it does."""
    rotation: int = 0
    hdr: str | None = None
    audio: bool = False
    alpha: bool = False
    still: bool = False
    plays: int = 0
    """How often an animated picture is shown, 0 for ever."""
    first: Fraction = Fraction(0)
    """Where on the file's own clock, which its sound shares, the first picture is shown."""
    warnings: tuple[str, ...] = ()


class Reader(Protocol):
    """A file that was opened once, found readable and closed again."""

    facts: Facts

    def pictures(self, start: Fraction, size: Size, notes: list[str]) -> Generator[Dated, None, None]:
        """Decode from the picture shown at `start` on, to be painted at `size`. Opens the file anew; closing the
        generator closes it. What is worth telling is appended to `notes`. Raises `Refused`, `Unreadable`."""
