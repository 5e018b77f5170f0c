"""Where frames go: one row a format, one contract for all sinks.

A sink touches the disk in `__enter__` only, takes frames in order, learns its canvas from the first of them, writes
under a temporary name beside its path and renames on success. Leaving on an error deletes what was begun and ends
every thread and process it started.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vimix.frame import Frame


class Sink(Protocol):
    """A file being written."""

    path: Path

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, frame: Frame) -> None:
        """Take the next frame. May return before it is encoded; a failure then surfaces at a later call or on exit."""


@dataclass(frozen=True, slots=True)
class AudioFrom:
    """The sound to lay under a video: of this file, this span."""

    path: Path
    start: Fraction = Fraction(0)
    """Seconds."""
    end: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is to be written."""

    quality: int = 80
    """1-100."""
    lossless: bool = False
    fps: Fraction = Fraction(30)
    """The clip's mean rate: a hint for formats that must declare one; times are exact all the same."""
    audio: AudioFrom | None = None
    threads: int = 2
    max_bytes: int | None = None
    """Give up with `TooManyBytes` once the file is larger: fitting to a size need not finish a hopeless try."""


@dataclass(frozen=True, slots=True)
class Format:
    """A row of the formats table."""

    name: str
    suffix: str
    mime: str
    label: str
    """As people call it."""
    alpha: bool
    audio: bool
    plays_in: tuple[str, ...]
    """Where it shows with its transparency."""
    open: Callable[[Path, Encoding], Sink]
