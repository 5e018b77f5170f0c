"""What a finished file is, read back from its bytes: the half of a card that never quotes a setting."""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from PIL import Image, ImageSequence

from vimix.errors import Unreadable
from vimix.events import Card
from vimix.frame import Pixels
from vimix.media import blocks
from vimix.media.kinds import Kind, sniff
from vimix.media.limits import Limits
from vimix.media.opening import open_decoder, opened
from vimix.presets import PRESETS, check
from vimix.sandbox import Ffmpeg
from vimix.sinks import FORMATS

_LOOKED_AT = 8
"""Frames that are decoded in search of one that is not opaque."""
_OPAQUE = 249
"""Alpha from which on a pixel counts as opaque: lossy codecs never quite give back 255."""
_ENDLESS = Limits(max_seconds=float("inf"), max_frames=10**9, max_bytes=2**63)


@dataclass(frozen=True, slots=True)
class _Content:
    format: str
    """A name of the formats table where the file is of that kind, else what its bytes say."""
    seconds: Fraction
    """When the last picture ends; 0 for a still."""
    frames: int
    """Counted, not declared."""
    size: tuple[int, int]
    alpha: bool
    """Whether a decoded picture is not opaque."""
    audio: bool = False


def inspect(path: Path) -> Card:
    """`output`, `plays_in` and `complies` of any file that we make or take. Raises `Unreadable` and `Refused`."""
    if not path.is_file():  # a pipe would never answer
        raise Unreadable("There is no such file.", cause=str(path))
    content = _content(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    output = {
        "format": content.format,
        "bytes": path.stat().st_size,
        "seconds": round(float(content.seconds), 6),
        "frames": content.frames,
        "width": content.size[0],
        "height": content.size[1],
        "alpha": content.alpha,
        "audio": content.audio,
        "sha256": digest,
    }
    known = FORMATS.get(content.format)
    return {"output": output, "plays_in": list(known.plays_in) if known else [], "complies": complies(output)}


def complies(output: Mapping[str, Any]) -> dict[str, bool | str]:
    """For each platform, true or why not."""
    return {name: "; ".join(check(output, target)) or True for name, target in PRESETS.items()}


def _content(path: Path) -> _Content:
    with path.open("rb") as file:
        archive = file.read(4) == b"PK\x03\x04"
    if archive:
        return _zip(path)
    kind = sniff(path)
    return _pictures(path, kind) if kind.pillow else _video(path, kind)


def _zip(path: Path) -> _Content:
    """A zip as we make them."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("times.json").file_size > 10**7:
                raise Unreadable("The list of times in this zip is far too long.")
            about = json.loads(archive.read("times.json"))
            present = set(archive.namelist())
            names = [frame["file"] for frame in about["frames"] if frame["file"] in present]
            alphas = (_alpha_of(archive, name) for name in names[:_LOOKED_AT])
            size = int(about["width"]), int(about["height"])
            seconds = Fraction(about["seconds"]).limit_denominator(10**6)
            return _Content("png-zip", seconds, len(names), size, _any_clear(alphas))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise Unreadable("This zip is not one of ours: it has no frames with times.", cause=repr(error)) from error


def _alpha_of(archive: zipfile.ZipFile, name: str) -> Pixels:
    with archive.open(name) as file, Image.open(file, formats=["PNG"]) as picture:
        return np.asarray(picture.convert("RGBA"))[..., 3]


def _pictures(path: Path, kind: Kind) -> _Content:
    durations = [Fraction(0)]
    if kind.name in ("gif", "png", "webp"):
        with path.open("rb") as file:
            durations = [block.duration for block in blocks.walk(file, kind.name)] or durations
    try:
        with Image.open(path, formats=[kind.pillow]) as picture:
            frames = (np.asarray(frame.convert("RGBA"))[..., 3] for frame in ImageSequence.Iterator(picture))
            clear = _any_clear(islice(frames, min(_LOOKED_AT, len(durations))))
            size = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable("This picture is damaged.", cause=repr(error)) from error
    return _Content(
        "apng" if kind.name == "png" else kind.name, sum(durations, Fraction(0)), len(durations), size, clear
    )


def _video(path: Path, kind: Kind) -> _Content:
    with opened(path, kind, _ENDLESS) as (container, stream):
        codec = stream.codec_context.name
        first, end, frames = None, Fraction(0), 0
        for packet in container.demux(stream):
            if packet.pts is None or not packet.size:
                continue
            base = packet.time_base
            begins = packet.pts * base
            first = begins if first is None else min(first, begins)
            end = max(end, begins + (packet.duration or 0) * base)
            frames += 1
        size, audio = (stream.width, stream.height), bool(container.streams.audio)
        title = container.metadata.get("title")
    name = _video_format(kind.name, codec, title)
    seconds = end - (first or Fraction(0))
    return _Content(name, seconds, frames, size, _any_clear(_alphas(path, kind, codec)), audio)


def _video_format(kind: str, codec: str, title: str | None) -> str:
    if kind == "mp4" and title == "matte":
        return "matte"
    ours = {("webm", "vp9"): "webm", ("mov", "prores"): "mov", ("mov", "hevc"): "hevc", ("mp4", "h264"): "mp4"}
    return ours.get((kind, codec), kind)


def _alphas(path: Path, kind: Kind, codec: str) -> Iterator[Pixels]:
    """The alpha of the first pictures; none for a video that has no place for it."""
    if codec == "hevc":
        yield from _hevc_alphas(path, kind)
        return
    with opened(path, kind, _ENDLESS) as (container, stream):
        decoder = open_decoder(stream, _ENDLESS)
        try:
            for frame in islice(_decoded(container.demux(stream), decoder), _LOOKED_AT):
                if not any(component.is_alpha for component in frame.format.components):
                    return
                yield cast(Pixels, frame.to_ndarray(format="rgba"))[..., 3]
        except av.FFmpegError as error:
            raise Unreadable("This video is damaged.", cause=str(error)) from error


def _decoded(packets: Iterator[Any], decoder: VideoCodecContext) -> Iterator[VideoFrame]:
    for packet in packets:
        yield from decoder.decode(packet)


def _hevc_alphas(path: Path, kind: Kind) -> Iterator[Pixels]:
    """By ffmpeg: it is newer than the library in this process, which does not read the alpha layer of HEVC yet."""
    with opened(path, kind, _ENDLESS) as (_, stream):
        width, height = stream.width, stream.height
    read = ["-protocol_whitelist", "file", "-f", kind.demuxer, "-i", str(path.absolute()), "-map", "0:v:0"]
    write = ["-frames:v", str(_LOOKED_AT), "-pix_fmt", "rgba", "-f", "rawvideo", "pipe:1"]
    with closing(Ffmpeg([*read, *write], stdout=True, cpu_seconds=60)) as ffmpeg:
        while len(raw := ffmpeg.stdout.read(width * height * 4)) == width * height * 4:
            yield np.frombuffer(raw, np.uint8).reshape(height, width, 4)[..., 3]


def _any_clear(alphas: Iterator[Pixels]) -> bool:
    return any(int(alpha.min(initial=255)) < _OPAQUE for alpha in alphas)
