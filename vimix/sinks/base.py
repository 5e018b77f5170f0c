"""What every format has in common: how it is asked for, and a file that is there whole or not at all."""

import math
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from av.error import FFmpegError

from vimix.errors import Failed, Refused, StoreError
from vimix.frame import Frame


class TooManyBytes(Exception):
    """The file grew past `Encoding.max_bytes`; what was written of it is gone."""

    def __init__(self, over: float) -> None:
        super().__init__(f"{over:.2f} times the limit so far")
        self.over = over
        """How many times the limit, so far."""


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
    """Seconds on the file's own clock."""
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
    loops: int = 0
    """How often an animated picture plays; 0: for ever."""

    @property
    def sound_rate(self) -> float:
        """Bits a second that the sound may take: a quarter of a file that must fit."""
        if self.max_bytes is None or self.audio is None or self.audio.end is None:
            return math.inf
        return 2 * self.max_bytes / float(self.audio.end - self.audio.start)


class Encoder(Protocol):
    """The part of a sink that knows its format. It owns `path` until `finish` or `abort` returns."""

    def add(self, frame: Frame) -> None:
        """Take the next frame, of the size of the first."""

    def finish(self) -> None:
        """Wait for what is still being encoded, and complete the file."""

    def abort(self) -> None:
        """End every thread and close the file, whatever state it is in. Raises nothing."""


Start = Callable[[Path, Encoding, int, int], Encoder]
"""Begin a file of this width and height at a path that exists and is empty."""


@contextmanager
def _explained() -> Iterator[None]:
    """What a disk or an encoder has to say, in our words."""
    try:
        yield
    except OSError as error:
        raise StoreError("The result could not be written.", cause=repr(error)) from error
    except (FFmpegError, ValueError) as error:
        raise Failed("The result could not be encoded.", cause=repr(error)) from error


def part_name(name: str) -> str:
    """The hidden name under which the file `name` is written until it is whole. File systems limit a name's bytes (255
    for most), not its characters, so it is the bytes that are cut."""
    return f".{os.fsencode(name)[:100].decode(errors='ignore')}.{secrets.token_hex(4)}.part"


@dataclass(slots=True)
class FileSink:
    """The one sink there is: `format` says what it writes."""

    path: Path
    encoding: Encoding
    format: "Format"
    _part: Path = field(init=False)
    _encoder: Encoder | None = field(init=False, default=None)
    _size: tuple[int, int] = field(init=False, default=(0, 0))

    def __enter__(self) -> Self:
        self._part = self.path.with_name(part_name(self.path.name))
        if self.path.exists() and not self.path.is_file():  # a folder, or a device that a rename would replace
            raise StoreError("The result cannot be written there.", cause="not a file")
        try:
            self._part.touch(exist_ok=False)
        except OSError as error:
            raise StoreError("The result cannot be written there.", cause=repr(error)) from error
        return self

    def write(self, frame: Frame) -> None:
        """Take the next frame; the first decides the canvas."""
        height, width = frame.alpha.shape
        if self._encoder is None:
            self._size = width, height
            self.format.check_size(width, height)
            with _explained():
                self._encoder = self.format.start(self._part, self.encoding, width, height)
        elif self._size != (width, height):
            raise Failed("The frame size changed midway.", cause=f"{self._size} became {(width, height)}")
        with _explained():
            self._encoder.add(frame)
            self._weigh()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._complete()
        finally:
            with suppress(OSError):  # closing writes what is buffered, and a full disk refuses that too
                if self._encoder is not None:
                    self._encoder.abort()
            self._part.unlink(missing_ok=True)

    def _complete(self) -> None:
        if self._encoder is None:
            raise Failed("There are no frames in that part of the clip.")
        with _explained():
            self._encoder.finish()
            self._weigh()
            self._part.replace(self.path)

    def _weigh(self) -> None:
        limit = self.encoding.max_bytes
        if limit is not None and (size := self._part.stat().st_size) > limit:
            raise TooManyBytes(size / limit)


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
    """Where it shows as it is, transparency included."""
    start: Start
    max_side: int | None = None
    """Pixels of width or height that the format or its encoder can have."""
    still_mime: str | None = None
    """Of a file of one picture, where that is a kind of its own."""

    def mime_of(self, output: Mapping[str, Any]) -> str:
        """The media type of a file whose card has that `output`."""
        return self.still_mime or self.mime if output.get("frames") == 1 else self.mime

    def open(self, path: Path, encoding: Encoding) -> Sink:
        """A sink for a file of this format; nothing is touched yet."""
        return FileSink(path, encoding, self)

    def check_size(self, width: int, height: int) -> None:
        """Raise `Refused` for pictures that this format cannot hold."""
        if self.max_side is not None and max(width, height) > self.max_side:
            raise Refused(
                f"{self.label} allows at most {self.max_side} pixels a side, and this is "
                f"{width}x{height}. Choose a smaller size or another format."
            )
