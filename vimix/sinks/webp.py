"""Animated WebP: every frame a VP8 key frame with its alpha beside it, cut to what is visible.

Colour and alpha are encoded apart. libwebp alone would spend two thirds of its time on the alpha plane; see `vp8l` for
what takes less. Methods 5 and 6 are never used: they cost 5 to 40 times as much for 3% fewer bytes.
Words are those of RFC 9649, "WebP Image Format", section 2.
"""

import io
from collections.abc import Callable
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from PIL import Image

from vimix.concurrency.processes import offload
from vimix.errors import Failed
from vimix.frame import Frame, Pixels
from vimix.sinks import vp8l
from vimix.sinks.animation import Pictures, Piece
from vimix.sinks.base import Encoding
from vimix.sinks.pixels import cleared, filled, floored, visible

MOVING, ALPHA = 0x02, 0x10
"""Flags of VP8X (2.7): animation, alpha."""
_GRADIENT_PACKED = bytes([0b1101])
"""The first byte of ALPH (2.7.1.2): filtering method 3, gradient; compression method 1, lossless."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) & 1)


@offload
def _lossy(rgb: Pixels, alpha: Pixels, quality: int, method: int) -> bytes:
    """VP8, after ALPH if anything is not opaque."""
    opaque = alpha.min(initial=255) == 255
    picture = np.ascontiguousarray(rgb) if opaque else filled(rgb, alpha)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=quality, method=method)
    colour = file.getvalue()[len(b"RIFF....WEBP") :]
    return colour if opaque else _chunk(b"ALPH", _GRADIENT_PACKED + vp8l.plane(alpha)) + colour


@offload
def _lossless(rgb: Pixels, alpha: Pixels) -> bytes:
    """VP8L of all four channels, colour exact wherever it can be seen."""
    return _chunk(b"VP8L", vp8l.picture(cleared(rgb, alpha), alpha))


def coder(encoding: Encoding) -> Callable[[Frame, bool], Piece]:
    """Frames as the chunks of a WebP picture."""
    method = 4 if encoding.max_bytes else 0  # 4 takes four times as long, for a quarter fewer bytes

    def encode(frame: Frame, whole: bool) -> Piece:
        alpha = frame.alpha if encoding.lossless else floored(frame.alpha)
        box, rgb, alpha = visible(frame.rgb, alpha, whole=whole)
        data = _lossless(rgb, alpha) if encoding.lossless else _lossy(rgb, alpha, encoding.quality, method)
        return Piece(box, data, alpha=bool(alpha.min(initial=255) < 255))

    return encode


class WebpMux:
    """A RIFF file that grows picture by picture; its size and its alpha flag are filled in at the end."""

    def __init__(self, file: BinaryIO, encoding: Encoding, width: int, height: int) -> None:
        self._file, self._width, self._height = file, width, height
        self._loops = encoding.loops
        self._alpha = self._begun = False

    def add(self, piece: Piece, start: Fraction, end: Fraction) -> None:
        """Append an ANMF chunk (2.7.1.1) that overwrites the canvas and is disposed of to the background."""
        if not self._begun:
            self._header(MOVING)
            self._file.write(_chunk(b"ANIM", bytes(4) + self._loops.to_bytes(2, "little")))
        left, top, right, bottom = piece.box
        place = (left // 2, top // 2, right - left - 1, bottom - top - 1, round((end - start) * 1000))
        do_not_blend_then_dispose = b"\x03"
        self._alpha |= piece.alpha or piece.box != (0, 0, self._width, self._height)
        frame = b"".join(number.to_bytes(3, "little") for number in place) + do_not_blend_then_dispose + piece.data
        self._file.write(_chunk(b"ANMF", frame))

    def still(self, piece: Piece) -> None:
        """The picture as it is, behind a header that gives the canvas."""
        self._header(0)
        self._file.write(piece.data)
        self._alpha = piece.alpha

    def close(self) -> None:
        """Fill in size and flags."""
        size = self._file.tell() - 8
        if size >= 2**32 - 10:
            raise Failed("The clip is too long for one WebP file. Choose a smaller size or a video format.")
        self._file.seek(4)
        self._file.write(size.to_bytes(4, "little"))
        self._file.seek(20)
        flags = self._file.read(1)[0]
        self._file.seek(20)
        self._file.write(bytes([flags | (ALPHA if self._alpha else 0)]))

    def _header(self, flags: int) -> None:
        self._begun = True
        size = (self._width - 1).to_bytes(3, "little") + (self._height - 1).to_bytes(3, "little")
        self._file.write(b"RIFF\0\0\0\0WEBP" + _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size))


WEBP = Pictures(coder, WebpMux, ticks=1000, shortest=Fraction(11, 1000))
