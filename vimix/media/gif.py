"""The blocks of a GIF (GIF89a specification), and its pictures laid over each other as browsers do.

Pillow decodes the LZW data of one picture at a time, as palette indices; palettes, transparency and disposal are
applied here. Where the specification is silent browsers decide: the canvas is clear at first and where a picture is
disposed of to the background; disposal 4 is taken for 3.
"""

import io
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import SEEK_CUR
from typing import BinaryIO

import numpy as np
from PIL import Image

from vimix.frame import Pixels
from vimix.media.compositor import Dispose, Layer, composed

_DISPOSE = {2: Dispose.BACKGROUND, 3: Dispose.PREVIOUS, 4: Dispose.PREVIOUS}
_RAMP = bytes(level for level in range(256) for _ in range(3))
"""A palette in which every index is its own grey level: Pillow then gives the indices."""


@dataclass(frozen=True, slots=True)
class GifImage:
    """A picture as its blocks have it."""

    left: int
    top: int
    width: int
    height: int
    palette: bytes
    """RGB; the local colour table, else the global one."""
    interlaced: bool
    transparent: int | None
    """The index that leaves what is there."""
    dispose: Dispose
    duration: Fraction
    """Seconds, as the file says."""
    data: bytes
    """The minimum code size and the sub-blocks; empty where only the structure was read."""


def images(file: BinaryIO, *, data: bool) -> Iterator[GifImage]:
    """The pictures in the file, until it ends or stops making sense; with their `data`, or without."""
    head = file.read(13)
    table = file.read(3 << (head[10] & 7) + 1) if len(head) == 13 and head[10] & 0x80 else b""
    control = bytes(4)
    while mark := file.read(1):
        if mark == b"!":
            label = file.read(1)
            body = _sub_blocks(file, keep=4)
            if label == b"\xf9" and len(body) >= 4:
                control = body
        elif mark == b",":
            place = file.read(9)
            if len(place) < 9:
                return
            own = file.read(3 << (place[8] & 7) + 1) if place[8] & 0x80 else b""
            begin = file.tell()
            file.seek(1, SEEK_CUR)
            _sub_blocks(file)
            end = file.tell()
            file.seek(begin)
            left, top, width, height = struct.unpack_from("<HHHH", place)
            yield GifImage(
                left, top, width, height, own or table, bool(place[8] & 0x40),
                control[3] if control[0] & 1 else None, _DISPOSE.get(control[0] >> 2 & 7, Dispose.NONE),
                Fraction(int.from_bytes(control[1:3], "little"), 100), file.read(end - begin) if data else b"",
            )  # fmt: skip
            file.seek(end)
            control = bytes(4)
        elif mark == b";":
            return


def plays(file: BinaryIO) -> int:
    """How often the animation is played, 0 for ever: NETSCAPE2.0's count says how often it is repeated."""
    file.seek(0)
    head = file.read(64 << 10)
    at = head.find(b"\x21\xff\x0bNETSCAPE2.0\x03\x01")
    if at < 0:
        at = head.find(b"\x21\xff\x0bANIMEXTS1.0\x03\x01")
    if at < 0 or len(head) < at + 18:
        return 1
    repeats = int.from_bytes(head[at + 16 : at + 18], "little")
    return repeats + 1 if repeats else 0


def frames(file: BinaryIO, width: int, height: int) -> Generator[Pixels, None, None]:
    """The canvas (height, width, 4) as it is shown for each picture. Raises what Pillow raises for broken data."""
    return composed(width, height, map(_layer, images(file, data=True)))


def _layer(image: GifImage) -> Layer:
    indices = _indices(image)
    table = np.zeros((256, 4), np.uint8)
    colours = np.frombuffer(image.palette, np.uint8).reshape(-1, 3)
    table[: len(colours), :3] = colours
    table[:, 3] = 255
    if image.transparent is not None:
        table[image.transparent] = 0
    return Layer(table[indices], image.left, image.top, image.dispose)


def _indices(image: GifImage) -> Pixels:
    """The palette indices (h, w), decoded by Pillow from a file of this one picture."""
    size = struct.pack("<HH", image.width, image.height)
    head = b"GIF89a" + size + b"\xf7\0\0" + _RAMP + b"," + bytes(4) + size + bytes([0x40 * image.interlaced])
    with Image.open(io.BytesIO(head + image.data + b";"), formats=["GIF"]) as picture:
        return np.asarray(picture.convert("L"))


def _sub_blocks(file: BinaryIO, keep: int = 0) -> bytes:
    """Pass over a run of sub-blocks; the first bytes of the first are returned."""
    kept = b""
    while (size := file.read(1)) and size != b"\0":
        if keep:
            kept, keep = file.read(min(keep, size[0])), 0
            file.seek(size[0] - len(kept), SEEK_CUR)
        else:
            file.seek(size[0], SEEK_CUR)
    return kept
