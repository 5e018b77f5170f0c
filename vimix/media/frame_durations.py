"""How long each picture of an animated GIF, PNG or WebP is shown, from its blocks alone: nothing is decompressed.

Used for limits before work and for exact times: whatever the file says of itself, only blocks that are there count.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import SEEK_CUR
from typing import BinaryIO

from vimix.media import gif, png

_SHORTEST, _INSTEAD = Fraction(11, 1000), Fraction(1, 10)
"""Seconds: browsers show what asks for less than the first for the second, and so do we."""


@dataclass(frozen=True, slots=True)
class Block:
    """A picture inside an animation, as its header has it."""

    duration: Fraction
    right: int
    bottom: int
    """Where it ends on the canvas, in pixels: some readers let the canvas grow for it."""


def walk(file: BinaryIO, kind: str) -> Iterator[Block]:
    """The pictures of the animation, until the file ends or stops making sense; a still one has none, or one."""
    return _WALKERS[kind](file)


def lasting(seconds: Fraction) -> Fraction:
    """As long as a browser would show it."""
    return seconds if seconds >= _SHORTEST else _INSTEAD


def canvas(file: BinaryIO, kind: str) -> tuple[int, int] | None:
    """Width and height as the header has them: 0 where it is cut off, None where the kind is another."""
    head = file.read(32).ljust(32, b"\0")
    if kind == "gif":
        return _pair("<HH", head, 6)
    if kind == "png":
        return _pair(">II", head, 16)
    if kind == "webp":
        if head[12:16] == b"VP8X":
            return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
        if head[12:16] == b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        width, height = _pair("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _pair(layout: str, head: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(layout, head, at)
    return first, second


def _gif(file: BinaryIO) -> Iterator[Block]:
    for image in gif.images(file, data=False):
        yield Block(image.duration, image.left + image.width, image.top + image.height)


def _png(file: BinaryIO) -> Iterator[Block]:
    for control in png.controls(file):
        yield Block(control.duration, control.left + control.width, control.top + control.height)


def _webp(file: BinaryIO) -> Iterator[Block]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        size += size & 1
        if head[:4] == b"ANMF" and len(body := file.read(16)) == 16:
            left, top, width, height, duration = (int.from_bytes(body[at : at + 3], "little") for at in range(0, 15, 3))
            yield Block(Fraction(duration, 1000), 2 * left + width + 1, 2 * top + height + 1)
            size -= 16
        file.seek(max(0, size), SEEK_CUR)


_WALKERS: dict[str, Callable[[BinaryIO], Iterator[Block]]] = {"gif": _gif, "png": _png, "webp": _webp}
