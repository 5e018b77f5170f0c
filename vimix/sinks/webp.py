"""Animated WebP: every frame a VP8 key frame with its alpha beside it, cut to what is visible.

Colour and alpha are encoded apart. libwebp alone would spend two thirds of its time on the alpha plane; the same
plane, predicted here by the container's own gradient filter and packed by VP8L at its fastest, takes a quarter of
that and 10% more bytes. Methods 5 and 6 are never used: they cost 5 to 40 times as much for 3% fewer bytes.
The layout is that of the WebP container specification (developers.google.com/speed/webp/docs/riff_container).
"""

import io
from collections.abc import Callable
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from PIL import Image

from vimix.errors import Failed
from vimix.frame import Frame, Pixels
from vimix.sinks.animation import Pictures, Piece
from vimix.sinks.base import Encoding
from vimix.sinks.pixels import cleared, filled, floored, visible

MOVING, ALPHA = 0x02, 0x10
"""Flags of VP8X."""
_GRADIENT_PACKED = bytes([0b1101])
"""The first byte of ALPH: gradient filter, VP8L."""
_VP8L_HEADER = 5
"""Bytes that say the size of a VP8L stream; ALPH leaves them out."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) & 1)


def _body(webp: bytes, kind: bytes) -> bytes:
    """What is in the one chunk of a plain WebP file."""
    if webp[12:16] != kind:
        raise Failed("The picture could not be encoded.", cause=f"libwebp wrote {webp[12:16]!r} for {kind!r}")
    return webp[20 : 20 + int.from_bytes(webp[16:20], "little")]


def _packed(picture: Pixels, **how: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", **how)
    return file.getvalue()


def _predicted(alpha: Pixels) -> Pixels:
    """The alpha plane less what left, top and top-left let expect, modulo 256: filter 3 of the specification."""
    left, top, corner = (side.astype(np.int16) for side in (alpha[1:, :-1], alpha[:-1, 1:], alpha[:-1, :-1]))
    rest = alpha.copy()
    rest[1:, 1:] -= np.clip(left + top - corner, 0, 255).astype(np.uint8)
    rest[0, 1:] -= alpha[0, :-1]
    rest[1:, 0] -= alpha[:-1, 0]
    return rest


def _alpha_chunk(alpha: Pixels) -> bytes:
    green = np.zeros((*alpha.shape, 3), np.uint8)
    green[..., 1] = _predicted(alpha)
    stream = _body(_packed(green, lossless=True, quality=20, method=0), b"VP8L")
    return _chunk(b"ALPH", _GRADIENT_PACKED + stream[_VP8L_HEADER:])


def _lossy(rgb: Pixels, alpha: Pixels, quality: int, method: int) -> bytes:
    """VP8, after ALPH if anything is not opaque."""
    if alpha.min(initial=255) == 255:
        return _chunk(b"VP8 ", _body(_packed(np.ascontiguousarray(rgb), quality=quality, method=method), b"VP8 "))
    colour = _body(_packed(filled(rgb, alpha), quality=quality, method=method), b"VP8 ")
    return _alpha_chunk(alpha) + _chunk(b"VP8 ", colour)


def _lossless(rgb: Pixels, alpha: Pixels) -> bytes:
    """VP8L of all four channels, colour exact wherever it can be seen."""
    rgba = np.dstack((cleared(rgb, alpha), alpha))
    return _chunk(b"VP8L", _body(_packed(rgba, lossless=True, quality=20, method=0, exact=True), b"VP8L"))


def coder(encoding: Encoding) -> Callable[[Frame, bool], Piece]:
    """Frames as the chunks of a WebP picture."""
    method = 4 if encoding.max_bytes else 2  # 4 takes half as long again, for 6% fewer bytes at equal quality

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
        """Append an ANMF chunk: replace what is there, and clear it when its time is over."""
        if not self._begun:
            self._header(MOVING)
            self._file.write(_chunk(b"ANIM", bytes(4) + self._loops.to_bytes(2, "little")))
        left, top, right, bottom = piece.box
        place = (left // 2, top // 2, right - left - 1, bottom - top - 1, round((end - start) * 1000))
        replace_then_clear = b"\x03"
        self._alpha |= piece.alpha or piece.box != (0, 0, self._width, self._height)
        frame = b"".join(number.to_bytes(3, "little") for number in place) + replace_then_clear + piece.data
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
            raise Failed("The clip is too long for one WebP file; choose a smaller size or a video format.")
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
