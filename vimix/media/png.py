"""The chunks of PNG and APNG (PNG specification, third edition, w3.org/TR/png-3), and an animation's frames composed.

Pillow decodes one frame at a time, from a PNG made of that frame's data and the file's own chunks on colour.
"""

import io
import struct
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from PIL import Image

from vimix.frame import Pixels
from vimix.media.compositor import Dispose, Layer, composed

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DISPOSE = {1: Dispose.BACKGROUND, 2: Dispose.PREVIOUS}
_ABOUT_COLOUR = (b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT")
_LARGEST = 1 << 30
"""Bytes of a chunk at most: no picture within the limits has more, and a damaged length must not allocate more."""


@dataclass(frozen=True, slots=True)
class FrameControl:
    """A frame control chunk, fcTL (11.3.6.2)."""

    left: int
    top: int
    width: int
    height: int
    duration: Fraction
    """Seconds, as the file says."""
    dispose: Dispose
    over: bool
    """Whether blend_op is APNG_BLEND_OP_OVER, not APNG_BLEND_OP_SOURCE."""


@dataclass(frozen=True, slots=True)
class Colour:
    """What a PNG says of its colours, by chunk, unread."""

    chunks: dict[bytes, bytes]
    bit_depth: int
    grey: bool


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The type and size of each chunk, with the file at its data; the consumer may read up to that size."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[:4], "big")
        begin = file.tell()
        yield head[4:], min(size, _LARGEST)
        file.seek(begin + size + 4)


def controls(file: BinaryIO) -> Iterator[FrameControl]:
    """The frames of the animation in order, the default image only where it is one of them."""
    for kind, size in chunks(file):
        if kind == b"fcTL" and size >= 26 and len(body := file.read(26)) == 26:
            yield _control(body)


def plays(file: BinaryIO) -> int:
    """num_plays of acTL (11.3.6.1), 0 for ever; 0 also where there is none."""
    for kind, size in chunks(file):
        if kind == b"acTL" and size >= 8:
            return int.from_bytes(file.read(8)[4:], "big")
        if kind == b"IDAT":
            break
    return 0


def colour(file: BinaryIO) -> Colour:
    """The chunks before IDAT that say what its samples mean (11.3.2), and its bit depth (11.2.1)."""
    found, depth, grey = dict[bytes, bytes](), 8, False
    for kind, size in chunks(file):
        if kind == b"IHDR":
            depth, kind_of_colour = file.read(13).ljust(13, b"\x08")[8:10]
            grey = kind_of_colour in (0, 4)
        elif kind in _ABOUT_COLOUR:
            found[kind] = file.read(size)
        elif kind == b"IDAT":
            break
    return Colour(found, depth, grey)


def frames(
    file: BinaryIO, width: int, height: int, shown: Callable[[Image.Image], Pixels]
) -> Generator[Pixels, None, None]:
    """The canvas (height, width, 4) as it is shown for each frame; `shown` turns a decoded frame into RGBA.

    Raises what Pillow raises for broken data.
    """
    return composed(width, height, _layers(file, shown))


def _layers(file: BinaryIO, shown: Callable[[Image.Image], Pixels]) -> Iterator[Layer]:
    header, about, control, data = b"", b"", None, list[bytes]()
    for kind, size in chunks(file):
        if kind == b"IHDR":
            header = file.read(13)
        elif kind in _ABOUT_COLOUR:
            about += _chunk(kind, file.read(size))
        elif kind == b"fcTL":
            if control is not None and data:
                yield _layer(header, about, control, data, shown)
            control, data = _control(file.read(26)), []
        elif kind == b"IDAT" and control is not None:  # else it is the default image, no part of the animation
            data.append(file.read(size))
        elif kind == b"fdAT":
            data.append(file.read(size)[4:])
    if control is not None and data:
        yield _layer(header, about, control, data, shown)


def _layer(
    header: bytes, about: bytes, control: FrameControl, data: list[bytes], shown: Callable[[Image.Image], Pixels]
) -> Layer:
    size = struct.pack(">II", control.width, control.height)
    body = _chunk(b"IHDR", size + header[8:]) + about + _chunk(b"IDAT", b"".join(data)) + _chunk(b"IEND", b"")
    with Image.open(io.BytesIO(SIGNATURE + body), formats=["PNG"]) as picture:
        picture.load()
        pixels = shown(picture)
    if pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    return Layer(pixels, control.left, control.top, control.dispose, control.over)


def _control(body: bytes) -> FrameControl:
    _, width, height, left, top, number, per, dispose, blend = struct.unpack(">IIIIIHHBB", body.ljust(26, b"\0"))
    return FrameControl(
        left, top, width, height, Fraction(number, per or 100), _DISPOSE.get(dispose, Dispose.NONE), blend == 1
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
