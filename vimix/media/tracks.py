"""Which track is the picture, and when each of its pictures is shown.

Packets are read, undecoded: that takes milliseconds and tells the true times, count and length, whatever the header
says. Of several tracks the picture is the one with the most to show: single pictures and thumbnails stand back, then
the file's own default flag decides, then size, then length, then order.
"""

from dataclasses import dataclass

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vimix.errors import Refused, Unreadable
from vimix.media.demuxer import DECODERS, unreadable
from vimix.media.file_type import Kind

_MOST_PACKETS = 1_000_000
"""Packets of a track that are read for their times: eleven hours at 25 frames a second, and a bound on time and memory
for any file."""
_THUMBNAILS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
_FEW = 10
"""A track with fewer pictures than this share of the longest one's holds thumbnails or slides, not the film: large
enough for a film at 3 frames a second beside one at 30."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the packets of a track say."""

    index: int
    """Of the stream in the file."""
    stamps: tuple[int, ...]
    """Ticks at which a picture is shown, in order; at least one."""
    last: int
    """Ticks that the last one lasts; 0 where the file does not say."""
    decode_order: bool
    """Whether the stamps say only in which order pictures are decoded: the n-th that the decoder gives out is then
    shown at the n-th stamp. So in AVI, and wherever B-frames were stored without presentation times."""


def survey(container: InputContainer, kind: Kind, warnings: list[str]) -> Timeline:
    """Choose the picture track; what is worth telling is appended to `warnings`. Raises `Refused`, `Unreadable`."""
    streams = _candidates(container)
    found = _packets(container, streams, warnings)
    shown = [stream for stream in streams if found[stream.index]]
    if not shown:
        raise Unreadable("This file claims to be a video, but has no frames in it.")
    most = max(len(found[stream.index]) for stream in shown)

    def rank(stream: VideoStream) -> tuple[bool, bool, int, int, int]:
        many, context = len(found[stream.index]), stream.codec_context
        film = not stream.disposition & _THUMBNAILS and many * _FEW > most and (many > 1 or most == 1)
        default = bool(stream.disposition & Disposition.default)
        return film, default, context.width * context.height, many, -stream.index

    best = max(shown, key=rank)
    timeline = _timeline(best, kind, found[best.index])
    if len(streams) > 1:
        width, height = best.codec_context.width, best.codec_context.height
        warnings.append(
            f"The file has {len(streams)} video tracks; track {streams.index(best) + 1} was used "
            f"({width}x{height} pixels, {len(timeline.stamps)} frames)."
        )
    return timeline


def _candidates(container: InputContainer) -> list[VideoStream]:
    videos = container.streams.video
    moving = [stream for stream in videos if not stream.disposition & Disposition.attached_pic]
    if not moving:
        what = "sound and a cover picture" if videos else "sound" if container.streams.audio else "nothing to look at"
        raise Unreadable(f"This file holds {what}, but no video.")
    known = [stream for stream in moving if stream.codec_context and stream.codec_context.name in DECODERS]
    if not known:
        decoder = moving[0].codec_context.name if moving[0].codec_context else "something unknown"
        raise Refused(
            f"This video uses the codec {decoder}, which we can't read. Save it as H.264, HEVC, VP9, AV1 or ProRes."
        )
    return known


@dataclass(frozen=True, slots=True)
class _Packet:
    pts: int | None
    dts: int | None
    duration: int


def _packets(container: InputContainer, streams: list[VideoStream], warnings: list[str]) -> dict[int, list[_Packet]]:
    """Of every track, the packets that hold a picture which is shown."""
    found: dict[int, list[_Packet]] = {stream.index: [] for stream in streams}
    try:
        for number, packet in enumerate(container.demux(streams)):
            if number >= _MOST_PACKETS:
                raise Refused(f"The file has more than {_MOST_PACKETS} frames.")
            if packet.size and not packet.is_discard and (packet.pts is not None or packet.dts is not None):
                found[packet.stream_index].append(_Packet(packet.pts, packet.dts, packet.duration or 0))
    except (av.FFmpegError, OSError) as error:
        if not any(found.values()):
            unreadable(error)
        warnings.append("The file is damaged; everything after the damage was left out.")
    return found


def _timeline(stream: VideoStream, kind: Kind, packets: list[_Packet]) -> Timeline:
    reorders = stream.codec_context.has_b_frames and not _has_presentation_times(kind, packets)
    stamps: dict[int, int] = {}
    for packet in packets:
        first, second = (packet.dts, packet.pts) if reorders else (packet.pts, packet.dts)
        stamp = second if first is None else first
        if stamp is not None:
            stamps[stamp] = packet.duration
    ordered = sorted(stamps)
    return Timeline(stream.index, tuple(ordered), max(0, stamps[ordered[-1]]), reorders)


def _has_presentation_times(kind: Kind, packets: list[_Packet]) -> bool:
    """Whether the stamps can be those of pictures that are decoded in another order than they are shown. Where the
    container keeps one time a packet, libavformat makes up the other at a fixed distance."""
    if kind.demuxer == "avi":
        return False
    apart = {packet.pts - packet.dts for packet in packets if packet.pts is not None and packet.dts is not None}
    return len(apart) > 1 and all(packet.pts is not None for packet in packets)
