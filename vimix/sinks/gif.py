"""Animated GIF: every frame with a palette of its own, clear pixels really clear.

GIF knows no half-clear pixel: alpha of 128 and more is opaque. Only what is visible is given colours.
The layout is that of the GIF89a specification (w3.org/Graphics/GIF/spec-gif89a.txt).
"""

import io
from collections.abc import Callable
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from PIL import Image

from vimix.frame import Frame, Pixels
from vimix.sinks.animation import Pictures, Piece
from vimix.sinks.base import Encoding
from vimix.sinks.pixels import visible

_CLEAR = 255
"""The palette entry of clear pixels."""
_ANY_PALETTE = bytes(level for level in range(256) for _ in range(3))
"""All different, or Pillow would renumber the entries."""
_FULL_PALETTE_FROM = 80
"""The quality from which on all 255 colours are used."""


def colours_for(quality: int) -> int:
    """Colours a palette of 255 may use: fewer compress better."""
    return max(8, min(255, 255 * quality // _FULL_PALETTE_FROM))


def _blocks(indices: Pixels) -> bytes:
    """The picture's LZW code and its blocks, as Pillow writes them after the image descriptor."""
    file = io.BytesIO()
    picture = Image.fromarray(indices)
    picture.putpalette(_ANY_PALETTE)
    picture.save(file, "GIF", optimize=False, interlace=0)
    written = file.getvalue()
    at = 13 + 3 * 2 ** ((written[10] & 7) + 1)
    while written[at : at + 1] == b"!":  # an extension: label, then blocks up to an empty one
        at += 2
        while written[at]:
            at += written[at] + 1
        at += 1
    return written[at + 10 : -1]


def coder(encoding: Encoding) -> Callable[[Frame, bool], Piece]:
    """Frames as a local colour table and an indexed picture."""
    colours = colours_for(encoding.quality)

    def encode(frame: Frame, whole: bool) -> Piece:
        opaque = np.where(frame.alpha >= 128, np.uint8(255), np.uint8(0))
        box, rgb, opaque = visible(frame.rgb, opaque, whole=whole)
        shown = opaque > 0
        indices = np.full(shown.shape, _CLEAR, np.uint8)
        table = b""
        if shown.any():
            found = Image.fromarray(rgb[shown][None]).quantize(colours, method=Image.Quantize.FASTOCTREE)
            indices[shown] = np.asarray(found)[0]
            table = bytes(found.getpalette() or ())[: 3 * 255]
        return Piece(box, table.ljust(768, b"\0") + _blocks(indices), alpha=not shown.all())

    return encode


class GifMux:
    """A GIF that grows picture by picture."""

    def __init__(self, file: BinaryIO, encoding: Encoding, width: int, height: int) -> None:
        self._file = file
        self._screen = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        self._loops = encoding.loops
        self._begun = False

    def add(self, piece: Piece, start: Fraction, end: Fraction) -> None:
        """Append a picture that is cleared when its time is over."""
        if not self._begun:
            self._header()
            if self._loops != 1:
                again = max(0, self._loops - 1).to_bytes(2, "little")
                self._file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + again + b"\0")
        self._picture(piece, round((end - start) * 100))

    def still(self, piece: Piece) -> None:
        """The picture alone."""
        self._header()
        self._picture(piece, 0)

    def close(self) -> None:
        """Write the trailer."""
        self._file.write(b";")

    def _header(self) -> None:
        self._begun = True
        self._file.write(b"GIF89a" + self._screen + bytes(3))

    def _picture(self, piece: Piece, hundredths: int) -> None:
        clear_afterwards, has_clear = 2 << 2, int(piece.alpha)
        delay = min(hundredths, 0xFFFF).to_bytes(2, "little")
        self._file.write(b"!\xf9\x04" + bytes([clear_afterwards | has_clear]) + delay + bytes([_CLEAR, 0]))
        left, top, right, bottom = piece.box
        place = b"".join(number.to_bytes(2, "little") for number in (left, top, right - left, bottom - top))
        own_table_of_256 = b"\x87"
        self._file.write(b"," + place + own_table_of_256 + piece.data)


GIF = Pictures(coder, GifMux, ticks=100, shortest=Fraction(2, 100))
