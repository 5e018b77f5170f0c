"""The index of an MP4 or MOV, weighed before libavformat builds it: ten kilobytes can claim samples for gigabytes.

Three things cost memory without costing file: a table of samples that all have one size, a fragment whose samples have
none, and an index that is itself compressed. They are looked for by name in everything but the media data, wherever
they hide; what merely looks like one is rare enough to be refused with them.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vimix.errors import Refused

_MOST_SAMPLES = 4_000_000
"""Samples of all tracks: far more than a clip within the limits has, few enough that libavformat's table of them does
not fill memory."""
_MOST_BYTES = 64 * 2**20
"""Bytes of everything but media data, which are read into memory here."""


def check_index(path: Path) -> None:
    """Raise `Refused` for an index that would be far larger than any clip within the limits needs."""
    with path.open("rb") as file:
        index = b"".join(all_but_media(file, path.stat().st_size))
    if b"cmov" in index and b"cmvd" in index:
        raise Refused("This file stores its index compressed, as was done before 2000. Save it again as MP4.")
    samples = sum(struct.unpack_from(">I", index, at + 8)[0] for at in _places(b"trun", index, 12))
    for at in (*_places(b"stsz", index, 16), *_places(b"stz2", index, 16)):
        (count,) = struct.unpack_from(">I", index, at + 12)
        samples += 0 if count and _is_raw_sound(index, at) else count
    if samples > _MOST_SAMPLES:
        raise Refused(f"The index of this file lists {samples} samples; the limit is {_MOST_SAMPLES}.")


def all_but_media(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Every box of a file of so many bytes but `mdat`. Raises `Refused` where they are too large to be held."""
    at = total = 0
    while at < size:
        file.seek(at)
        head = file.read(16).ljust(16, b"\0")
        length, name, long = struct.unpack(">I4sQ", head)
        length = long if length == 1 else length
        sound = 8 <= length <= size - at
        if not sound:  # to the end of the file, or nonsense: look at all of it, unless it is plainly media
            length = size - at
        if name != b"mdat":
            total += length
            if total > _MOST_BYTES:
                raise Refused(f"The index of this file is larger than {_MOST_BYTES >> 20} MB, which is the limit.")
            file.seek(at)
            yield file.read(length)
        at += length


def _places(name: bytes, index: bytes, room: int) -> Iterator[int]:
    """Where boxes of that name, with `room` bytes from the name on, seem to be."""
    return (match.start() for match in re.finditer(name, index) if match.start() + room <= len(index))


def _is_raw_sound(index: bytes, at: int) -> bool:
    """Whether the sample table at `at` is that of PCM: libavformat indexes its chunks, not its millions of samples."""
    tracks = []
    for place in _places(b"trak", index[:at], 4):
        (length,) = struct.unpack_from(">I", index, place - 4) if place >= 4 else (0,)
        if place - 4 + length > at:
            tracks.append(index[place : place - 4 + length])
    return bool(tracks) and all(_sounds_raw(track) for track in tracks)


def _sounds_raw(track: bytes) -> bool:
    handlers = {track[at + 12 : at + 16] for at in _places(b"hdlr", track, 16)}
    clocks = {track[at + 8 : at + 12] + track[at + 16 : at + 20] for at in _places(b"stts", track, 20)}
    return b"soun" in handlers <= {b"soun", b"alis", b"url "} and clocks == {b"\0\0\0\x01\0\0\0\x01"}
