"""How long each picture of an animated GIF, PNG or WebP is shown, from its blocks alone: nothing is decompressed.

Used for limits before work and for exact times: whatever the file says of itself, only blocks that are there count.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from io import SEEK_CUR
from typing import BinaryIO

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
    head = file.read(13)
    if len(head) == 13 and head[10] & 0x80:
        file.seek(3 << (head[10] & 7) + 1, SEEK_CUR)
    duration = Fraction(0)
    while mark := file.read(1):
        if mark == b"!":
            label = file.read(1)
            body = _sub_blocks(file, keep=4)
            if label == b"\xf9" and len(body) >= 4:
                duration = Fraction(int.from_bytes(body[1:3], "little"), 100)
        elif mark == b",":
            place = file.read(9)
            if len(place) < 9:
                return
            if place[8] & 0x80:
                file.seek(3 << (place[8] & 7) + 1, SEEK_CUR)
            file.seek(1, SEEK_CUR)
            _sub_blocks(file)
            left, top, width, height = struct.unpack_from("<HHHH", place)
            yield Block(duration, left + width, top + height)
            duration = Fraction(0)
        elif mark == b";":
            return


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


def _png(file: BinaryIO) -> Iterator[Block]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        (size,) = struct.unpack(">I", head[:4])
        if head[4:] == b"fcTL" and len(body := file.read(26)) == 26:
            _, width, height, left, top, numerator, denominator = struct.unpack_from(">IIIIIHH", body)
            yield Block(Fraction(numerator, denominator or 100), left + width, top + height)
            size -= 26
        file.seek(max(0, size) + 4, SEEK_CUR)


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
