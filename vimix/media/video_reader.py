"""Video files, read by PyAV.

A file is surveyed once (tracks.py), which tells the true times, count and length; then one picture is decoded.
"""

from collections.abc import Generator
from contextlib import closing, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vimix.errors import Unreadable, tidy
from vimix.frame import Pixels
from vimix.media import colour
from vimix.media.cropping import cropping
from vimix.media.demuxer import open_decoder, opened, unreadable
from vimix.media.file_type import Kind
from vimix.media.filters import Timed, filtered
from vimix.media.geometry import aspect, turn
from vimix.media.limits import Limits, check_decoded, check_picture
from vimix.media.reader import Dated, Facts, Size
from vimix.media.tracks import survey

_HEVC_ALPHA = b"\x4e\x01\xa5"
"""The head of an alpha_channel_info message (ITU-T H.265 F.14.2.8): libavcodec 62 skips the layer it announces."""


class Video:
    """A video file."""

    def __init__(self, path: Path, kind: Kind, limits: Limits, start: Fraction) -> None:
        """Survey the file and decode the picture shown at `start`. Raises `Refused`, `Unreadable`."""
        self._path, self._kind, self._limits = path, kind, limits
        warnings: list[str] = []
        with opened(path, kind, limits) as container:
            audio = bool(container.streams.audio)
            self._line = line = survey(container, kind, warnings)
            stream = self._stream(container)
            check_picture(stream.codec_context.width, stream.codec_context.height, limits)
            warnings += _remarks(stream)
            self._tick = stream.time_base or Fraction(1, 1000)
            self._times = tuple((stamp - line.stamps[0]) * self._tick for stamp in line.stamps)
            self._end = self._times[-1] + (line.last * self._tick or _usual(self._times, stream))
            rate, codec = stream.average_rate, stream.codec_context.codec.canonical_name
            said = stream.duration * self._tick if stream.duration else Fraction(container.duration or 0, av.time_base)
            wide = aspect(stream.sample_aspect_ratio, warnings)
            stored = stream.codec_context.width, stream.codec_context.height
            track = stream.id if kind.demuxer == "mov" else container.streams.video.index(stream)
            self._crop = cropping(path, kind, track, stored)
            self._field_order = stream.codec_context.field_order
        if said > self._end * Fraction(11, 10) + Fraction(1, 2):
            warnings.append(f"The file says it lasts {tidy(said)} s, but its frames end after {tidy(self._end)} s.")
        frame = self._first_frame(start, warnings)
        self._turn = turn(frame, warnings)
        tones = colour.Tones.of(frame)
        hdr = colour.HDR.get(tones.transfer)
        if hdr:
            warnings.append(f"The clip is HDR ({hdr}) and was converted to standard range.")
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
            first=line.stamps[0] * self._tick,
            warnings=tuple(warnings),
        )

    def pictures(self, start: Fraction, size: Size, notes: list[str]) -> Generator[Dated, None, None]:
        """See `Reader`."""
        scaler = VideoReformatter()
        with closing(self._filtered(start, notes)) as frames:
            for time, frame in frames:
                yield time, partial(self._paint, frame, self._turn.size(size), scaler)

    def _paint(self, frame: av.VideoFrame, stored: Size, scaler: VideoReformatter) -> tuple[Pixels, Pixels | None]:
        try:
            rgb, alpha = colour.to_srgb(frame, *stored, scaler, alpha=self._alpha and _has_alpha(frame))
        except (av.FFmpegError, ValueError) as error:
            raise Unreadable("The colours of this clip are stored in a way we can't read.", cause=str(error)) from None
        return self._turn.apply(rgb), None if alpha is None else self._turn.apply(alpha)

    def _stream(self, container: InputContainer) -> VideoStream:
        return cast(VideoStream, container.streams[self._line.index])

    def _first_frame(self, start: Fraction, notes: list[str]) -> av.VideoFrame:
        with closing(self._filtered(start, notes)) as frames:
            for _, frame in frames:
                return frame
        raise Unreadable("None of the frames in this file could be read.")

    def _filtered(self, start: Fraction, notes: list[str]) -> Generator[Timed, None, None]:
        return filtered(self._decoded(start, notes), self._crop, self._field_order, notes)

    def _decoded(self, start: Fraction, notes: list[str]) -> Generator[Timed, None, None]:
        """Frames in order, the first of them the one shown at `start`, found from the key frame before it. Where that
        key frame does not lead there (a wrong index, an open group of pictures), all is decoded from the beginning."""
        wanted = max((time for time in self._times if time <= start), default=Fraction(0))
        seek = wanted > 0 and not self._line.decode_order  # there, only counting from the first tells which one it is
        for seek_to in (wanted, Fraction(0)) if seek else (Fraction(0),):
            with (
                opened(self._path, self._kind, self._limits) as container,
                closing(self._decode(container, self._stream(container), seek_to, notes)) as frames,
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
        self, container: InputContainer, stream: VideoStream, start: Fraction, notes: list[str]
    ) -> Generator[Timed, None, None]:
        decoder = open_decoder(stream, self._limits)
        stamps, damaged, count = self._line.stamps, 0, 0
        try:
            if start > 0:
                with suppress(av.FFmpegError):  # without an index it stays at the beginning, and all is decoded
                    container.seek(stamps[0] + int(start / self._tick), stream=stream)
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
                    if self._line.decode_order:
                        stamp = stamps[count + damaged] if count + damaged < len(stamps) else None
                    check_decoded(count := count + 1, self._limits)
                    if stamp is not None and stamp >= stamps[0]:
                        yield (stamp - stamps[0]) * self._tick, frame
                if not packet.size:
                    break
        except (av.FFmpegError, OSError) as error:
            if count == 0:
                unreadable(error)
        if damaged:
            notes.append(f"{damaged} damaged frames were skipped; the frame before each is shown instead.")


def _usual(times: tuple[Fraction, ...], stream: VideoStream) -> Fraction:
    """Seconds that a picture lasts, where the file does not say it of the last."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return times[-1] / (len(times) - 1) if len(times) > 1 else 1 / rate if rate > 0 else Fraction(1, 25)


def _remarks(stream: VideoStream) -> list[str]:
    """What is left out of this track, so that nobody has to find out."""
    if stream.codec_context.name == "hevc" and _HEVC_ALPHA in (stream.codec_context.extradata or b""):
        return ["The transparency of HEVC video cannot be read; the clip was treated as opaque."]
    return []


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components) or frame.format.name == "pal8"
