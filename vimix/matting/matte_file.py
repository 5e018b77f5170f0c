"""A stored matte: the alpha that an engine predicted, so that another format, size or background needs no network.

One file, read and written as a stream, of a kind of its own because times must stay exact fractions and alpha exact
bytes (the numbers behind the choice are in docs/decisions.md):

    a line of magic, and a line of JSON: width, height, and whatever else is known of the matte
    a record a frame: time and duration as 64-bit fractions, the box (x, y, w, h) of what is not clear, the length of
        what follows: that box, each byte less its upper and then less its left neighbour, deflated; and a CRC-32
    a record of zeros with the count of frames: without it the file was cut short
"""

import json
import os
import struct
import zlib
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from vimix.concurrency.files import replacing
from vimix.concurrency.threads import ahead, in_order
from vimix.errors import Failed, StoreError
from vimix.frame import Frame, Frames, Pixels, Stage

_MAGIC = b"VIMIXMATTE1\n"
_RECORD = struct.Struct("<4q5I")
_SUM = struct.Struct("<I")
_MAX_SIDE = 1 << 14
"""Pixels: no larger picture is taken, and a damaged head must not allocate more."""
_MAX_HEAD = 1 << 16
"""Bytes of the JSON line that are read at most."""


@dataclass(frozen=True, slots=True)
class StoredAlpha:
    """The alpha of one frame."""

    alpha: Pixels
    """(H, W), as a frame's."""
    time: Fraction
    """Seconds, as the frame's."""
    duration: Fraction


def store(matte: Path, about: Mapping[str, object] | None = None) -> Stage:
    """Pass frames through and store their alpha in `matte`, which appears there whole, once the frames have ended well.

    `about` goes into the file's head, for `about()`; it must be JSON-able. Raises `StoreError` when the disk fails,
    and `Failed` when a frame's size differs from the first one's. Packing runs on a thread of its own.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        with closing(in_order(_with_record, frames, workers=1)) as packed, _part_of(matte) as file:
            count, shape = 0, (0, 0)
            for frame, record in packed:
                if not count:
                    shape = frame.alpha.shape
                    record = _head(shape, about or {}) + record
                if frame.alpha.shape != shape:
                    raise Failed("The clip changes its size midway.", cause=f"{shape} became {frame.alpha.shape}")
                with _storing():
                    file.write(record)
                count += 1
                del record
                yield frame
            with _storing():
                file.write((b"" if count else _head(shape, about or {})) + _summed(_RECORD.pack(*[0] * 8, count)))

    return stage


def play_back(matte: Path) -> Stage:
    """Put the alpha stored in `matte` onto the frames of the same clip, in place of an engine.

    Each frame takes the alpha of its exact time, or else the nearest within half of that one's duration; a lower frame
    rate leaves some out. A frame of another size takes it resized. Raises `Failed` when the file is damaged, belongs to
    another clip, or holds fewer frames than the clip.
    """

    def stage(frames: Iterable[Frame]) -> Frames:
        with closing(ahead(stored_alphas(matte), depth=2)) as stored:
            entry, after = None, next(stored, None)
            for frame in frames:
                while after and (entry is None or abs(after.time - frame.time) <= abs(entry.time - frame.time)):
                    entry, after = after, next(stored, None)
                if entry is None or abs(entry.time - frame.time) > entry.duration / 2:
                    raise Failed("The stored mask does not belong to this clip.", cause=f"{matte.name} lacks {frame}")
                yield replace(frame, alpha=sized(entry.alpha, frame.alpha.shape))
                entry = None  # each is used once: a second frame that is nearest to it has no alpha in the file

    return stage


def about(matte: Path) -> dict[str, Any]:
    """The head of `matte`: its width and height in pixels, and what `store` was given as `about`. Raises `Failed`."""
    with _opened(matte) as file:
        return _read_head(file)


def stored_alphas(matte: Path) -> Generator[StoredAlpha, None, None]:
    """The alphas in `matte`, in order of time. Raises `Failed` where it is damaged, `StoreError` where it cannot be
    read."""
    with _opened(matte) as file:
        head = _read_head(file)
        shape, count = (head["height"], head["width"]), 0
        while (entry := _read_alpha(file, shape, count)) is not None:
            count += 1
            yield entry


def stored_alpha_at(matte: Path, time: float) -> StoredAlpha:
    """The alpha that is shown at `time` seconds, or the last; those before it are skipped without being unpacked.

    Raises `Failed` where the file is damaged or holds none.
    """
    with _opened(matte) as file:
        head, found = _read_head(file), -1
        while True:
            offset = file.tell()
            begin, per, *_, length = _RECORD.unpack(_exactly(file, _RECORD.size))
            if not per or (found >= 0 and Fraction(begin, per) > time):
                break
            found = offset
            file.seek(length + _SUM.size, os.SEEK_CUR)
        file.seek(max(found, 0))
        entry = None if found < 0 else _read_alpha(file, (head["height"], head["width"]), 0)
    if entry is None:
        raise _damaged("it holds no frame")
    return entry


def _with_record(frame: Frame) -> tuple[Frame, bytes]:
    alpha = np.ascontiguousarray(frame.alpha)
    x, y, w, h = cv2.boundingRect(alpha)
    box = alpha[y : y + h, x : x + w].copy()
    box[1:] -= alpha[y : y + h, x : x + w][:-1]
    across = box.copy()
    across[:, 1:] -= box[:, :-1]
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15, 9, zlib.Z_RLE)
    packed = deflate.compress(across.data) + deflate.flush()
    times = (*frame.time.as_integer_ratio(), *frame.duration.as_integer_ratio())
    return frame, _summed(_RECORD.pack(*times, x, y, w, h, len(packed)) + packed)


def _summed(record: bytes) -> bytes:
    return record + _SUM.pack(zlib.crc32(record))


def _read_alpha(file: BinaryIO, shape: tuple[int, int], count: int) -> StoredAlpha | None:
    record = _exactly(file, _RECORD.size)
    time, per, duration, each, x, y, w, h, length = _RECORD.unpack(record)
    packed = _exactly(file, length if per else 0, at_most=2 * shape[0] * shape[1] + 64)
    if _SUM.unpack(_exactly(file, _SUM.size)) != (zlib.crc32(record + packed),):
        raise _damaged(f"frame {count} has another checksum")
    if not per:
        if length != count:
            raise _damaged(f"{count} frames where {length} were written")
        return None
    if per < 0 or duration <= 0 or each <= 0 or x + w > shape[1] or y + h > shape[0]:
        raise _damaged(f"frame {count} has an impossible head")
    plain = zlib.decompressobj(-15).decompress(packed, w * h + 1)
    if len(plain) != w * h:
        raise _damaged(f"frame {count} has {len(plain)} bytes, not {w}x{h}")
    alpha = np.zeros(shape, np.uint8)
    if plain:
        sums = cv2.integral(np.frombuffer(plain, np.uint8).reshape(h, w))  # 32 bits that wrap: the last 8 are right
        alpha[y : y + h, x : x + w] = sums[1:, 1:].astype(np.uint8)
    return StoredAlpha(alpha, Fraction(time, per), Fraction(duration, each))


def sized(alpha: Pixels, shape: tuple[int, ...]) -> Pixels:
    """An alpha resized to the shape (H, W): area means where it is smaller, bilinear where it is larger."""
    if alpha.shape == shape:
        return alpha
    height, width = shape
    how = cv2.INTER_AREA if height < alpha.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(alpha, (width, height), interpolation=how), np.uint8)


def _head(shape: tuple[int, ...], about: Mapping[str, object]) -> bytes:
    return _MAGIC + json.dumps({**about, "width": shape[1], "height": shape[0]}).encode() + b"\n"


def _read_head(file: BinaryIO) -> dict[str, Any]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise _damaged("not a matte of this version")
    try:
        head = json.loads(file.readline(_MAX_HEAD))
        if not all(isinstance(head[side], int) and 0 <= head[side] <= _MAX_SIDE for side in ("width", "height")):
            raise ValueError(f"impossible size {head}")
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(f"its head: {error}") from error
    return dict(head)


def _exactly(file: BinaryIO, length: int, at_most: int = 64) -> bytes:
    found = file.read(min(length, at_most))
    if len(found) < length:
        raise _damaged("cut short")
    return found


def _damaged(cause: str) -> Failed:
    return Failed("The stored mask is damaged; the clip has to be processed again.", cause=cause)


@contextmanager
def _part_of(path: Path) -> Generator[BinaryIO, None, None]:
    """`replacing(path)`, whose own errors are `StoreError`; those of the block stay what they are."""
    with ExitStack() as open_file:
        with _storing():
            file = open_file.enter_context(replacing(path))
        yield file
        with _storing():
            open_file.close()


@contextmanager
def _storing() -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise StoreError("The mask could not be stored.", cause=str(error)) from error


@contextmanager
def _opened(matte: Path) -> Generator[BinaryIO, None, None]:
    try:
        file = matte.open("rb")
    except OSError as error:
        raise StoreError("The stored mask could not be read.", cause=str(error)) from error
    with file:
        yield file
