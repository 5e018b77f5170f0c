"""APNG: PNG images one after the other, exact to the pixel and to any fraction of a second.

Below quality 80 colours and alphas come from one palette for the whole file (APNG allows no second one), which makes
a sticker a quarter the size. Words and section numbers are those of the PNG specification, third edition
(w3.org/TR/png-3).
"""

import io
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from threading import Lock
from typing import BinaryIO

import numpy as np
from PIL import Image

from vimix.errors import Failed
from vimix.frame import Frame, Pixels
from vimix.sinks.animation import Pictures, Piece
from vimix.sinks.base import Encoding
from vimix.sinks.palette import Palette
from vimix.sinks.pixels import cleared, floored, visible

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUECOLOUR, _INDEXED = 6, 3
"""Colour types of IHDR (11.2.1): truecolour with alpha, indexed-colour."""
_EXACT_FROM = 80
"""Quality from which on every pixel is exact. Below, a palette of 3 colours for each point of quality."""
_MOST = 0xFFFF
"""Of delay_num and delay_den (11.3.6.2), 16 bits each."""


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk (5.3): length, type, data, and the CRC-32 of the latter two."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        at += size + 12


def _data(picture: Image.Image) -> bytes:
    """The zlib stream in the IDAT chunks (11.2.3) of a PNG of the picture."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=6)
    return b"".join(body for kind, body in _chunks(file.getvalue()) if kind == b"IDAT")


def coder(encoding: Encoding) -> Callable[[Frame, bool], Piece]:
    """Frames as PNG data; with a palette if quality asks for one, made from whichever frame comes first."""
    exact = encoding.lossless or encoding.quality >= _EXACT_FROM
    palettes: list[Palette] = []
    lock = Lock()

    def palette(rgb: Pixels, alpha: Pixels) -> Palette:
        with lock:
            if not palettes:
                palettes.append(Palette(rgb, alpha, colours=max(16, 3 * encoding.quality)))
            return palettes[0]

    def encode(frame: Frame, whole: bool) -> Piece:
        alpha = frame.alpha if exact else floored(frame.alpha)
        box, rgb, alpha = visible(frame.rgb, alpha, whole=whole)
        seen = bool(alpha.min(initial=255) < 255)
        if exact:
            rgba = np.dstack((cleared(np.ascontiguousarray(rgb), np.ascontiguousarray(alpha)), alpha))
            return Piece(box, _data(Image.fromarray(rgba)), seen)
        chosen = palette(rgb, alpha)
        table = chunk(b"PLTE", chosen.rgb.tobytes()) + chunk(b"tRNS", chosen.alpha.tobytes())
        return Piece(box, _data(Image.fromarray(chosen.nearest(rgb, alpha))), seen, table)

    return encode


class ApngMux:
    """A PNG that grows frame by frame; num_frames is filled in at the end."""

    def __init__(self, file: BinaryIO, encoding: Encoding, width: int, height: int) -> None:
        self._file, self._loops = file, encoding.loops
        self._size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        self._count = self._sequence = self._control_at = 0
        self._shown = Fraction(0)

    def add(self, piece: Piece, start: Fraction, end: Fraction) -> None:
        """Append a frame: fcTL, then IDAT for the first and fdAT for others. It is cleared when its time is over."""
        if not self._count:
            self._header(piece, moving=True)
        left, top, right, bottom = piece.box
        place = (right - left, bottom - top, left, top)
        dispose_op, blend_op = 1, 0  # APNG_DISPOSE_OP_BACKGROUND, APNG_BLEND_OP_SOURCE
        delay = self._delay(end)
        control = b"".join(number.to_bytes(4, "big") for number in (self._next(), *place))
        control += b"".join(number.to_bytes(2, "big") for number in (delay.numerator, delay.denominator))
        self._file.write(chunk(b"fcTL", control + bytes([dispose_op, blend_op])))
        if self._count:
            self._file.write(chunk(b"fdAT", self._next().to_bytes(4, "big") + piece.data))
        else:
            self._file.write(chunk(b"IDAT", piece.data))
        self._count += 1

    def still(self, piece: Piece) -> None:
        """A PNG without animation chunks."""
        self._header(piece, moving=False)
        self._file.write(chunk(b"IDAT", piece.data))

    def close(self) -> None:
        """Write IEND, and fill in acTL (11.3.6.1)."""
        self._file.write(chunk(b"IEND", b""))
        if self._control_at:
            self._file.seek(self._control_at)
            self._file.write(self._control())

    def _header(self, piece: Piece, *, moving: bool) -> None:
        kind = _INDEXED if piece.head else _TRUECOLOUR
        self._file.write(_SIGNATURE + chunk(b"IHDR", self._size + bytes([8, kind, 0, 0, 0])))
        if moving:
            self._control_at = self._file.tell()
            self._file.write(self._control())
        self._file.write(piece.head)

    def _control(self) -> bytes:
        return chunk(b"acTL", self._count.to_bytes(4, "big") + self._loops.to_bytes(4, "big"))

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _delay(self, end: Fraction) -> Fraction:
        """The delay until `end`, seconds, as near as two numbers of 16 bits come; the rest is added to the next. Raises
        `Failed` where it is longer than 65535 s."""
        left = end - self._shown
        if left > _MOST:
            raise Failed("One frame lasts longer than this format allows.", cause=f"{float(left)} s")
        delay = left.limit_denominator(max(1, _MOST // (int(left) + 1)))
        self._shown += delay
        return delay


APNG = Pictures(coder, ApngMux, ticks=None, shortest=Fraction(11, 1000), first_whole=True)
