"""Video files, written in this process by PyAV: every codec is a row.

One thread encodes, so the pipeline goes on meanwhile. Times are exact in steps of 1/240000 s, which holds all common
frame rates and the millisecond; WebM itself rounds to milliseconds, each frame where it stands.
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
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from vimix.concurrency.ffmpeg import Ffmpeg
from vimix.frame import Frame, Pixels
from vimix.sinks.audio import Sound
from vimix.sinks.base import Encoder, Encoding, Start
from vimix.sinks.pixels import filled, floored
from vimix.sinks.pool import Ordered

_CLOCK = 240_000
_MOST_FRAMES, _PIXELS_A_SECOND = 10_000, 2_000_000
"""What bounds an encoding program: more frames than a clip has, each six times as slow as a noisy one was."""
_BT709 = 1
"""The number of BT.709 for matrix, primaries and transfer alike (ITU-T H.273)."""


def with_alpha(frame: Frame) -> Pixels:
    """RGBA, the subject's colours carried on under clear pixels."""
    alpha = floored(frame.alpha)
    return np.dstack((filled(frame.rgb, alpha), alpha))


def without_alpha(frame: Frame) -> Pixels:
    """RGB as it came: somebody has put it over a background."""
    return frame.rgb


def matte_only(frame: Frame) -> Pixels:
    """The alpha as a grey picture."""
    return np.repeat(frame.alpha[..., None], 3, axis=2)


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
    tag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Of the video stream."""
    title: str | None = None
    mux: Mapping[str, str] = field(default_factory=dict)
    even: bool = False
    """Whether the codec needs even sides; a column or row is added then."""
    sound_from: int = 16_000
    """Bits a second below which the sound is left out of a file that must fit."""
    program: Callable[[Encoding, Path], list[str]] | None = None
    """Arguments of an ffmpeg that encodes what `codec` and `container` only carry to it into a file."""


class VideoFile:
    """An `Encoder` over any of them."""

    def __init__(self, path: Path, encoding: Encoding, width: int, height: int, kind: Video) -> None:
        self._kind, self._end, self._failed = kind, Fraction(0), False
        self._add = (height % 2, width % 2) if kind.even else (0, 0)
        self._program: Ffmpeg | None = None
        self._durations: dict[int, int] = {}
        target: object = str(path)
        if kind.program is not None:
            patience = 600 + _MOST_FRAMES * width * height // _PIXELS_A_SECOND
            command = kind.program(encoding, path.absolute())
            self._program = Ffmpeg(command, cpu_seconds=patience, memory_bytes=16 * 2**30)
            target = self._program.stdin
        self._file: OutputContainer = av.open(target, "w", format=kind.container, options=dict(kind.mux))
        if kind.title:
            self._file.metadata["title"] = kind.title  # what else tells a matte from any other video?
        self._stream = self._open_stream(encoding, width + self._add[1], height + self._add[0])
        heard = encoding.audio if encoding.sound_rate >= kind.sound_from else None
        self._sound = Sound(heard, self._file, kind.audio, encoding.sound_rate) if heard and kind.audio else None
        self._pool = Ordered(self._encode, lambda nothing: None, workers=1)

    def _open_stream(self, encoding: Encoding, width: int, height: int) -> VideoStream:
        kind = self._kind
        stream = cast(VideoStream, self._file.add_stream(kind.codec, rate=encoding.fps.limit_denominator(1001)))
        stream.width, stream.height, stream.pix_fmt = width, height, kind.pixels
        stream.options = dict(kind.options(encoding.quality))
        context = stream.codec_context
        stream.time_base = context.time_base = Fraction(1, _CLOCK)
        context.thread_count = encoding.threads
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
            self._pool.put(frame)

    def finish(self) -> None:
        """Drain the encoders and write the index."""
        with self._blamed():
            self._complete()

    def _complete(self) -> None:
        self._pool.finish()
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
        self._pool.close()
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

    def _encode(self, frame: Frame) -> None:
        if self._failed:
            return  # libavformat crashes where it is handed more after a disk was full
        kind, self._failed = self._kind, True
        pixels = kind.picture(frame)
        if any(self._add):
            pixels = cast(Pixels, cv2.copyMakeBorder(pixels, 0, self._add[0], 0, self._add[1], cv2.BORDER_REPLICATE))
        picture = VideoFrame.from_ndarray(pixels, format="rgba" if pixels.shape[2] == 4 else "rgb24")
        picture = picture.reformat(
            format=kind.pixels,
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )
        picture.pts = round(frame.time * _CLOCK)
        picture.duration = self._durations[picture.pts] = round((frame.time + frame.duration) * _CLOCK) - picture.pts
        picture.time_base = Fraction(1, _CLOCK)
        self._mux(self._stream.encode(picture))
        if self._sound is not None:
            self._sound.fill(frame.time + frame.duration)
        self._failed = False

    def _mux(self, packets: "Sequence[Packet[VideoStream]]") -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts or 0, packet.duration or 0)
            self._file.mux(packet)


def video(kind: Video) -> Start:
    """How a file of that kind is begun."""

    def start(path: Path, encoding: Encoding, width: int, height: int) -> Encoder:
        return VideoFile(path, encoding, width, height, kind)

    return start


def _between(worst: float, best: float) -> Callable[[int], str]:
    """A scale of an encoder for qualities of 0 to 100."""
    return lambda quality: str(round(worst + (best - worst) * quality / 100))


_VP9 = {"b": "0", "deadline": "realtime", "cpu-used": "5", "row-mt": "1", "auto-alt-ref": "0"}
_PRORES = {"profile": "4444", "alpha_bits": "8", "vendor": "apl0", "flags": "+qscale"}
_FAST_START = {"movflags": "+faststart"}


def _x265(encoding: Encoding, path: Path) -> list[str]:
    crf, rate = _between(44, 19)(encoding.quality), str(int(min(128_000, encoding.sound_rate)))
    colours = ["-vf", "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"]
    encode = ["-c:v", "libx265", "-preset", "veryfast", "-crf", crf, "-tag:v", "hvc1", *colours]
    params = ["-x265-params", f"log-level=none:pools={encoding.threads}", "-pix_fmt", "yuva420p"]
    times = ["-fps_mode", "passthrough", "-enc_time_base:v", "demux", "-video_track_timescale", str(_CLOCK)]
    sound = ["-c:a", "aac", "-b:a", rate]
    read = ["-f", "nut", "-i", "pipe:0", "-map", "0"]
    return [*read, *encode, *params, *times, *sound, "-movflags", "+faststart", "-f", "mov", "-y", str(path)]


WEBM = Video(
    "webm",
    "libvpx-vp9",
    "yuva420p",
    lambda quality: {"crf": _between(60, 22.5)(quality), **_VP9},
    audio="libopus",
    metadata={"alpha_mode": "1"},
)
MOV = Video(
    "mov",
    "prores_ks",
    "yuva444p10le",
    lambda quality: {"global_quality": str(118 * int(_between(37, 2)(quality))), **_PRORES},
    audio="pcm_s16le",
    sound_from=48_000 * 16 * 2,
)
HEVC = Video("nut", "rawvideo", "yuva420p", lambda _: {}, audio="pcm_s16le", even=True, program=_x265)
MP4 = Video(
    "mp4",
    "libx264",
    "yuv420p",
    lambda quality: {"crf": _between(44, 14)(quality), "preset": "veryfast"},
    audio="aac",
    picture=without_alpha,
    mux=_FAST_START,
    even=True,
)
MATTE = Video(
    "mp4",
    "libx264",
    "yuv420p",
    lambda quality: {"crf": _between(36, 8)(quality), "preset": "veryfast"},
    picture=matte_only,
    title="matte",
    mux=_FAST_START,
    even=True,
)
