"""Formats that store whole pictures one after the other: WebP, GIF, APNG.

Each picture is encoded by itself, on as many threads as are given, and appended to the file as soon as it is ready.
Neighbours that look the same are stored once. Times are rounded where they stand, never added up: no drift.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Protocol

from vimix.frame import Frame
from vimix.sinks.base import Encoder, Encoding, Start
from vimix.sinks.pixels import Box, same_picture
from vimix.sinks.pool import Ordered


@dataclass(frozen=True, slots=True)
class Piece:
    """An encoded picture and where on the canvas it belongs."""

    box: Box
    data: bytes
    alpha: bool
    """Whether any of it is not opaque."""
    head: bytes = b""
    """What the file must say once before its first picture."""


class Mux(Protocol):
    """A file of pictures."""

    def add(self, piece: Piece, start: Fraction, end: Fraction) -> None:
        """Append a picture shown from `start` to `end`, in seconds on the format's clock."""

    def still(self, piece: Piece) -> None:
        """Write the one picture of a file without time."""

    def close(self) -> None:
        """Write what could not be known before. The file stays open."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What tells one such format from another."""

    coder: Callable[[Encoding], Callable[[Frame, bool], Piece]]
    """What encodes one picture of a file, cut to its box unless the whole canvas is asked for. Runs on threads."""
    mux: Callable[[BinaryIO, Encoding, int, int], Mux]
    ticks: int | None
    """Steps a second of the format's clock; None: any fraction."""
    shortest: Fraction
    """Seconds. Browsers show a picture of 10 ms or less for 100 ms, so faster ones are left out instead."""
    first_whole: bool = False
    """Whether the first picture must cover the canvas."""


class Animation:
    """An `Encoder` over any of them. Holds one frame back: only the next tells how long it stays."""

    def __init__(self, path: Path, encoding: Encoding, width: int, height: int, kind: Pictures) -> None:
        self._kind, self._code = kind, kind.coder(encoding)
        self._file = path.open("r+b")
        self._mux = kind.mux(self._file, encoding, width, height)
        self._pool = Ordered(self._encode, self._store, workers=encoding.threads, size=4 * width * height)
        self._held: Frame | None = None
        self._written = self._sent = 0

    def add(self, frame: Frame) -> None:
        """Take a frame; the one before it goes to a thread if it looked different."""
        self._written += 1
        held = self._held
        if held is not None:
            brief = self._at(frame.time) - self._at(held.time) < self._kind.shortest
            if brief or same_picture(held, frame):
                self._held = replace(held, duration=frame.time + frame.duration - held.time)
                return
            self._send(replace(held, duration=frame.time - held.time))
        self._held = frame

    def finish(self) -> None:
        """Store what is left, as a plain picture if there never was a second frame."""
        if self._held is not None and self._written == 1:
            self._mux.still(self._code(self._held, True))
        elif self._held is not None:
            self._send(self._held)
        self._pool.finish()
        self._mux.close()
        self._file.close()

    def abort(self) -> None:
        """Let go of threads and file."""
        self._pool.close()
        self._file.close()

    def _at(self, time: Fraction) -> Fraction:
        ticks = self._kind.ticks
        return time if ticks is None else Fraction(math.floor(time * ticks + Fraction(1, 2)), ticks)

    def _send(self, frame: Frame) -> None:
        self._pool.put((frame, self._kind.first_whole and self._sent == 0))
        self._sent += 1

    def _encode(self, job: tuple[Frame, bool]) -> tuple[Piece, Fraction, Fraction]:
        frame, whole = job
        start = self._at(frame.time)
        end = max(self._at(frame.time + frame.duration), start + self._kind.shortest)
        return self._code(frame, whole), start, end

    def _store(self, result: tuple[Piece, Fraction, Fraction]) -> None:
        self._mux.add(*result)
        self._file.flush()


def animation(kind: Pictures) -> Start:
    """How a file of that kind is begun."""

    def start(path: Path, encoding: Encoding, width: int, height: int) -> Encoder:
        return Animation(path, encoding, width, height, kind)

    return start
