"""One video file being written in this process by PyAV, whatever its format: `container.py` has the rows.

Frames are converted to the encoder's pixel format on several threads and encoded in order on one, so the pipeline goes
on meanwhile. Times are exact in steps of 1/240000 s, which holds all common frame rates and the millisecond; WebM
itself rounds to milliseconds, each frame where it stands.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from av.codec.context import ThreadType
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from vimix.concurrency.ffmpeg import Ffmpeg
from vimix.frame import Frame, Pixels
from vimix.sinks.audio import Sound
from vimix.sinks.base import Encoding
from vimix.sinks.pixels import filled, floored
from vimix.sinks.pool import Ordered

CLOCK = 240_000
_MOST_FRAMES, _PIXELS_A_SECOND = 10_000, 2_000_000
"""What bounds an encoding program: more frames than a clip has, each six times as slow as a noisy one was."""
_BT709 = 1
"""The number of BT.709 for matrix, primaries and transfer alike (ITU-T H.273)."""


def with_alpha(frame: Frame) -> Pixels:
    """RGBA (H, W, 4), the subject's colours carried on under clear pixels."""
    alpha = floored(frame.alpha)
    rgba = cv2.cvtColor(filled(frame.rgb, alpha), cv2.COLOR_RGB2RGBA)  # a sixth of the time of np.dstack
    return np.asarray(cv2.insertChannel(alpha, rgba, 3), np.uint8)


def without_alpha(frame: Frame) -> Pixels:
    """RGB as it came: somebody has put it over a background."""
    return frame.rgb


def matte_only(frame: Frame) -> Pixels:
    """The alpha as a grey picture."""
    return np.repeat(frame.alpha[..., None], 3, axis=2)


def colour_above_matte(frame: Frame) -> Pixels:
    """The picture as it is, what is removed included, and below it the alpha as a grey one: (2 H, W, 3).

    This is the layout in which players without a codec for alpha take it ("stacked" or "packed alpha"). An odd height
    gains a row in both halves, so that they share no block of the colour planes.
    """
    odd = frame.alpha.shape[0] % 2
    halves = [cv2.copyMakeBorder(half, 0, odd, 0, 0, cv2.BORDER_REPLICATE) for half in (frame.rgb, matte_only(frame))]
    return np.concatenate(halves)


@dataclass(frozen=True, slots=True)
class Video:
    """What tells one video format from another."""

    container: str
    codec: str
    pixels: str
    options: Callable[[int], Mapping[str, str]]
    """Encoder options for a quality of 1-100."""
    audio: str | None = None
    picture: Callable[[Frame], Pixels] = with_alpha
    pictures: int = 1
    """Pictures that stand above each other in each frame."""
    tag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Of the video stream."""
    title: str | None = None
    mux: Mapping[str, str] = field(default_factory=dict)
    even: bool = False
    """Whether the codec needs even sides; a column or row is added then."""
    sound_from: int = 16_000
    """Bits a second below which the sound is left out of a file that must fit."""
    frame_threads: bool = False
    """Whether the encoder works on several frames at once; else on parts of one (libavcodec's thread_type)."""
    program: Callable[[Encoding, Path], list[str]] | None = None
    """Arguments of an ffmpeg that encodes what `codec` and `container` only carry to it into a file."""


class VideoFile:
    """An `Encoder` over any of them."""

    def __init__(self, path: Path, encoding: Encoding, width: int, height: int, kind: Video) -> None:
        self._kind, self._end, self._failed = kind, Fraction(0), False
        if kind.pictures > 1:
            height = kind.pictures * (height + height % 2)
        self._add = (height % 2, width % 2) if kind.even else (0, 0)
        self._program: Ffmpeg | None = None
        self._durations: dict[int, int] = {}
        target: object = f"file:{path.absolute()}"  # a name such as 12:30.webm is no protocol
        if kind.program is not None:
            patience = 600 + _MOST_FRAMES * width * height // _PIXELS_A_SECOND
            command = kind.program(encoding, path.absolute())
            self._program = Ffmpeg(command, cpu_seconds=patience, memory_bytes=16 * 2**30)
            target = self._program.stdin
        self._file: OutputContainer = av.open(target, "w", format=kind.container, options=dict(kind.mux))
        if kind.title:
            self._file.metadata["title"] = kind.title  # what else tells a matte from any other video?
        self._stream = self._open_stream(encoding, width + self._add[1], height + self._add[0])
        codec = encoding.audio if encoding.sound_rate >= kind.sound_from else None
        self._sound = Sound(codec, self._file, kind.audio, encoding.sound_rate) if codec and kind.audio else None
        size = 4 * width * height
        self._encoding = Ordered(self._encode, _ignore, workers=1, size=size)
        self._converting = Ordered(self._convert, self._encoding.put, workers=encoding.threads, size=size)

    def _open_stream(self, encoding: Encoding, width: int, height: int) -> VideoStream:
        kind = self._kind
        stream = cast(VideoStream, self._file.add_stream(kind.codec, rate=encoding.fps.limit_denominator(1001)))
        stream.width, stream.height, stream.pix_fmt = width, height, kind.pixels
        stream.options = dict(kind.options(encoding.quality))
        context = stream.codec_context
        stream.time_base = context.time_base = Fraction(1, CLOCK)
        context.thread_count = encoding.threads
        if kind.frame_threads:
            context.thread_type = ThreadType.FRAME
        context.color_range = ColorRange.MPEG
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        if kind.tag:
            context.codec_tag = kind.tag
        stream.metadata.update(kind.metadata)
        return stream

    def add(self, frame: Frame) -> None:
        """Hand a frame to the encoding thread."""
        self._end = frame.time + frame.duration
        with self._blamed():
            self._converting.put(frame)

    def finish(self) -> None:
        """Drain the encoders and write the index."""
        with self._blamed():
            self._complete()

    def _complete(self) -> None:
        self._converting.finish()
        self._encoding.finish()
        self._mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.finish(self._end)
        self._file.close()
        if self._program is not None:
            self._program.finish()

    def abort(self) -> None:
        """Let go of threads, process and files."""
        if self._program is not None:
            self._program.close()  # first: the thread may be waiting for it to read
        self._converting.close()
        self._encoding.close()
        if self._sound is not None:
            self._sound.close()
        with suppress(Exception):  # the file is thrown away; only its handle matters
            self._file.close()

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """A pipe breaks because the program at its end did: let it say why."""
        try:
            yield
        except OSError:
            if self._program is not None:
                self._program.finish()
            raise

    def _convert(self, frame: Frame) -> VideoFrame:
        """The frame in the encoder's pixel format; any number of threads may call this."""
        kind = self._kind
        pixels = kind.picture(frame)
        if any(self._add):
            pixels = cast(Pixels, cv2.copyMakeBorder(pixels, 0, self._add[0], 0, self._add[1], cv2.BORDER_REPLICATE))
        # the frame is made over the array's own memory: a copy of it costs 33 MB at 4K
        shared = np.ascontiguousarray(pixels)
        picture = VideoFrame.from_numpy_buffer(shared, format="rgba" if pixels.shape[2] == 4 else "rgb24").reformat(
            format=kind.pixels,
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        picture.pts = round(frame.time * CLOCK)
        picture.duration = round((frame.time + frame.duration) * CLOCK) - picture.pts
        picture.time_base = Fraction(1, CLOCK)
        return picture

    def _encode(self, picture: VideoFrame) -> None:
        if self._failed:
            return  # libavformat crashes where it is handed more after a disk was full
        self._failed = True
        pts = cast(int, picture.pts)
        self._durations[pts] = picture.duration
        self._mux(self._stream.encode(picture))
        if self._sound is not None:
            self._sound.fill(Fraction(pts + picture.duration, CLOCK))
        self._failed = False

    def _mux(self, packets: "Sequence[Packet[VideoStream]]") -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts or 0, packet.duration or 0)
            self._file.mux(packet)


def _ignore(nothing: None) -> None:
    """The encoding thread returns nothing: it writes into the file itself."""
