"""The rim of a picture that the container hides: the clean aperture of MP4 and MOV, PixelCrop of Matroska.

libavformat tells of both as side data of the stream, which PyAV does not hand on; so the boxes are read here.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from vimix.media.file_type import Kind

_MOST_BYTES = 64 * 2**20
"""Of an index: as many as `mp4_index` lets through."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels of the stored picture that are hidden at each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __bool__(self) -> bool:
        return any((self.left, self.top, self.right, self.bottom))

    def size(self, width: int, height: int) -> tuple[int, int]:
        """What is left of a picture; all of it where nothing would be."""
        left = width - self.left - self.right, height - self.top - self.bottom
        return left if min(left) > 0 else (width, height)


def cropping(path: Path, kind: Kind, track: int, size: tuple[int, int]) -> Crop:
    """What the file hides of a track with pictures of `size`. `track` is libavformat's stream id for MP4 and MOV, for
    Matroska, where it keeps none, the place among the picture tracks. A box that makes no sense hides nothing."""
    try:
        with path.open("rb") as file:
            if kind.demuxer == "mov":
                return _clean_aperture(file, path.stat().st_size, track, size)
            if kind.demuxer == "matroska":
                return _pixel_crop(file, path.stat().st_size, track)
    except (struct.error, ValueError, IndexError, ZeroDivisionError):
        pass
    return Crop()


def _clean_aperture(file: BinaryIO, size: int, track: int, picture: tuple[int, int]) -> Crop:
    """ISO/IEC 14496-12 section 12.1.4: a width, a height and the offset of their centre, all fractions."""
    for moov in _read(file, size, b"moov"):
        for trak in _boxes(moov, b"trak"):
            header = next(_boxes(trak, b"tkhd"), b"")
            at = 20 if header[:1] == b"\x01" else 12
            if struct.unpack_from(">I", header, at)[0] != track:
                continue
            inner = trak
            for name in (b"mdia", b"minf", b"stbl", b"stsd"):
                inner = next(_boxes(inner, name), b"")
            (length,) = struct.unpack_from(">I", inner, 8)  # the first sample description: 8 bytes of count precede it
            clap = next(_boxes(inner[8 + 86 : 8 + length], b"clap"), None)
            return Crop() if clap is None else _aperture(struct.unpack_from(">4I4i", clap)[:8], picture)
    return Crop()


def _aperture(fields: tuple[int, ...], picture: tuple[int, int]) -> Crop:
    wide, high = Fraction(fields[0], fields[1]), Fraction(fields[2], fields[3])
    over, down = Fraction(fields[4], fields[5]), Fraction(fields[6], fields[7])
    sides = []
    for length, kept, offset in ((picture[0], wide, over), (picture[1], high, down)):
        first = Fraction(length - 1, 2) + offset - (kept - 1) / 2
        last = first + kept - 1
        if first <= -1 or int(last) > length - 1 or kept <= 0:
            return Crop()
        sides.append((int(first), length - 1 - int(last)))  # half pixels as libavformat rounds them
    (left, right), (top, bottom) = sides
    return Crop(left, top, right, bottom)


def _read(file: BinaryIO, size: int, wanted: bytes) -> Iterator[bytes]:
    """Bodies of the file's own boxes of that name."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, name, long = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        head, length = (16, long) if length == 1 else (8, length or size - at)
        if length < head:
            return
        if name == wanted:
            file.seek(at + head)
            yield file.read(min(length - head, _MOST_BYTES))
        at += length


def _boxes(data: bytes, wanted: bytes) -> Iterator[bytes]:
    """Bodies of the boxes of that name that lie side by side in `data`."""
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if length < 8:
            return
        if name == wanted:
            yield data[at + 8 : at + length]
        at += length


_SEGMENT, _CLUSTER, _TRACKS, _ENTRY, _TYPE, _VIDEO = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0x83, 0xE0
_CROPS = {0x54CC: "left", 0x54BB: "top", 0x54DD: "right", 0x54AA: "bottom"}
"""Ids of EBML elements (RFC 9559)."""


def _pixel_crop(file: BinaryIO, size: int, track: int) -> Crop:
    at, found = 0, b""
    while at < size and not found:
        file.seek(at)
        name, length, head = _element(file.read(16), 0)
        if name == _TRACKS:
            file.seek(at + head)
            found = file.read(min(length or 0, _MOST_BYTES))
        if length is None and name == _CLUSTER:
            return Crop()  # a cluster of unknown length: tracks do not come after it
        at += head if name == _SEGMENT or length is None else head + length
    pictures = [
        entry
        for _, entry in _elements(found, {_ENTRY})
        if any(int.from_bytes(kind) == 1 for _, kind in _elements(entry, {_TYPE}))
    ]
    _, video = next(_elements(pictures[track], {_VIDEO}), (_VIDEO, b""))
    return Crop(**{_CROPS[name]: int.from_bytes(value) for name, value in _elements(video, set(_CROPS))})


def _elements(data: bytes, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        name, length, head = _element(data, at)
        if length is None:
            return
        if name in wanted:
            yield name, data[at + head : at + head + length]
        at += head + length


def _element(data: bytes, at: int) -> tuple[int, int | None, int]:
    """Id, length (None: unknown) and bytes of both (RFC 8794 sections 4 to 6)."""
    name_bytes = 9 - data[at].bit_length()
    name = int.from_bytes(data[at : at + name_bytes])
    size_bytes = 9 - data[at + name_bytes].bit_length()
    if name_bytes > 4 or size_bytes > 8:
        raise ValueError("not EBML")
    coded = int.from_bytes(data[at + name_bytes : at + name_bytes + size_bytes])
    most = (1 << 7 * size_bytes) - 1
    length = coded & most
    return name, None if length == most else length, name_bytes + size_bytes
