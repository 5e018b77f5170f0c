"""Video files, read by PyAV.

A file is surveyed once by reading its packets, undecoded: that takes milliseconds and tells the true times, count
and length, whatever its header says.
"""

from collections.abc import Generator
from contextlib import closing, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vimix.errors import Refused, Unreadable, tidy
from vimix.frame import Pixels
from vimix.media import colour
from vimix.media.demuxer import open_decoder, opened, unreadable
from vimix.media.file_type import Kind
from vimix.media.geometry import aspect, turn
from vimix.media.limits import Limits, check_decoded
from vimix.media.reader import Dated, Facts, Size

_MOST_PACKETS = 1_000_000
_HEVC_ALPHA = b"\x4e\x01\xa5"
"""The head of an alpha_channel_info message (ITU-T H.265 F.14.2.8): libavcodec 62 skips the layer it announces."""


class Video:
    """A video file."""

    def __init__(self, path: Path, kind: Kind, limits: Limits, start: Fraction) -> None:
        """Survey the file and decode the picture shown at `start`. Raises `Refused`, `Unreadable`."""
        self._path, self._kind, self._limits = path, kind, limits
        warnings: list[str] = []
        with opened(self._path, self._kind, self._limits) as (container, stream):
            audio = bool(container.streams.audio)
            warnings += _remarks(container, stream)
            self._tick = stream.time_base or Fraction(1, 1000)
            self._survey(stream, container, warnings)
            rate, codec = stream.average_rate, stream.codec_context.codec.canonical_name
            said = stream.duration * self._tick if stream.duration else Fraction(container.duration or 0, av.time_base)
            wide = aspect(stream.sample_aspect_ratio, warnings)
        if said > self._end * Fraction(11, 10) + Fraction(1, 2):
            warnings.append(f"The file says it lasts {tidy(said)} s, but its pictures end after {tidy(self._end)} s.")
        frame = self._first_frame(start)
        self._turn = turn(frame, warnings)
        tones = colour.Tones.of(frame)
        hdr = colour.HDR.get(tones.transfer)
        if hdr:
            warnings.append(f"The clip is HDR ({hdr}) and was tone-mapped to standard range.")
        stored = (frame.width, frame.height)
        square = (round(stored[0] * wide), stored[1]) if wide > 1 else (stored[0], round(stored[1] / wide))
        self._alpha = _has_alpha(frame)
        self.facts = Facts(
            self._turn.size(square),
            self._times,
            self._end,
            self._tick,
            codec,
            kind.name,
            rate=rate,
            rotation=self._turn.degrees,
            hdr=hdr,
            audio=audio,
            alpha=self._alpha,
            first=self._first * self._tick,
            warnings=tuple(warnings),
        )

    def pictures(self, start: Fraction, size: Size, heard: list[str]) -> Generator[Dated, None, None]:
        """See `Reader`."""
        scaler = VideoReformatter()
        with closing(self._decoded(start, heard)) as frames:
            for time, frame in frames:
                yield time, partial(self._paint, frame, self._turn.size(size), scaler)

    def _paint(self, frame: av.VideoFrame, stored: Size, scaler: VideoReformatter) -> tuple[Pixels, Pixels | None]:
        try:
            rgb, alpha = colour.to_srgb(frame, *stored, scaler, alpha=self._alpha and _has_alpha(frame))
        except (av.FFmpegError, ValueError) as error:
            raise Unreadable(
                "The colours of this clip are stored in a way that cannot be read.", cause=str(error)
            ) from None
        return self._turn.apply(rgb), None if alpha is None else self._turn.apply(alpha)

    def _survey(self, stream: VideoStream, container: InputContainer, warnings: list[str]) -> None:
        """Learn when every picture is shown from the packets' stamps."""
        found: dict[int, int] = {}
        try:
            for number, packet in enumerate(container.demux(stream)):
                stamp = packet.dts if packet.pts is None else packet.pts
                if number >= _MOST_PACKETS:
                    raise Refused(f"The file has more than {_MOST_PACKETS} pictures.")
                if packet.size and stamp is not None and not packet.is_discard:
                    found[stamp] = packet.duration or 0
        except (av.FFmpegError, OSError) as error:
            if not found:
                unreadable(error)
            warnings.append("The file is damaged: what comes after the damage is left out.")
        if not found:
            raise Unreadable("This file says it holds a video, but there is no picture in it.")
        stamps = sorted(found)
        self._first = stamps[0]
        self._times = tuple((stamp - self._first) * self._tick for stamp in stamps)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        usual = self._times[-1] / (len(stamps) - 1) if len(stamps) > 1 else 1 / rate if rate > 0 else Fraction(1, 25)
        self._end = self._times[-1] + (found[stamps[-1]] * self._tick if found[stamps[-1]] > 0 else usual)

    def _first_frame(self, start: Fraction) -> av.VideoFrame:
        with closing(self._decoded(start, [])) as frames:
            for _, frame in frames:
                return frame
        raise Unreadable("None of the pictures in this file could be decoded.")

    def _decoded(self, start: Fraction, heard: list[str]) -> Generator[tuple[Fraction, av.VideoFrame], None, None]:
        """Frames in order, the first of them the one shown at `start`, found from the key frame before it. Where that
        key frame does not lead there (a wrong index, an open group of pictures), all is decoded from the beginning."""
        wanted = max((time for time in self._times if time <= start), default=Fraction(0))
        for seek_to in (wanted, Fraction(0)) if wanted > 0 else (Fraction(0),):
            with (
                opened(self._path, self._kind, self._limits) as (container, stream),
                closing(self._decode(container, stream, seek_to, heard)) as frames,
            ):
                found = False
                for time, frame in frames:
                    if not found and time > wanted and seek_to > 0:
                        break
                    if time >= wanted:
                        found = True
                        yield time, frame
                if found:
                    return

    def _decode(
        self, container: InputContainer, stream: VideoStream, start: Fraction, heard: list[str]
    ) -> Generator[tuple[Fraction, av.VideoFrame], None, None]:
        decoder = open_decoder(stream, self._limits)
        damaged = count = 0
        try:
            if start > 0:
                with suppress(av.FFmpegError):  # without an index it stays at the beginning, and all is decoded
                    container.seek(self._first + int(start / self._tick), stream=stream)
            for packet in container.demux(stream):
                if not packet.size and packet.dts is not None:  # AVI's way to say: the same picture again
                    continue
                try:
                    frames = decoder.decode(packet if packet.size else None)
                except av.FFmpegError:
                    damaged += 1
                    continue
                for frame in frames:
                    stamp = frame.dts if frame.pts is None else frame.pts
                    check_decoded(count := count + 1, self._limits)
                    if stamp is not None and stamp >= self._first:
                        yield (stamp - self._first) * self._tick, frame
                if not packet.size:
                    break
        except (av.FFmpegError, OSError) as error:
            if count == 0:
                unreadable(error)
        if damaged:
            heard.append(f"{damaged} damaged pictures of the clip were left out; the one before each stayed on show.")


def _remarks(container: InputContainer, stream: VideoStream) -> list[str]:
    """What is left out of this file, so that nobody has to find out."""
    remarks = []
    if len(container.streams.video) > 1:
        remarks.append(f"The file has {len(container.streams.video)} picture tracks; the first one was taken.")
    if stream.codec_context.name == "hevc" and _HEVC_ALPHA in (stream.codec_context.extradata or b""):
        remarks.append("The transparency of HEVC video cannot be read; the clip was taken as opaque.")
    return remarks


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"
