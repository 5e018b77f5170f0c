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
from typing import Any

import numpy as np
from av.container import InputContainer
from PIL import Image

from vimix.concurrency.ffmpeg import Ffmpeg
from vimix.errors import Unreadable
from vimix.events import Card
from vimix.frame import ClipInfo, Pixels
from vimix.media.decode import open_source
from vimix.media.demuxer import opened
from vimix.media.file_type import Kind, sniff
from vimix.media.limits import Limits
from vimix.pipeline.presets import PRESETS, check
from vimix.sinks import FORMATS

_LOOKED_AT, _PIXELS = 8, 500_000_000
"""Frames that are decoded at least in search of one that is not opaque, and pixels over all of them at most: a subject
that fades in is found within 8 s of 1080p, and a wholly opaque clip with an alpha plane costs a few seconds."""
_OPAQUE = 249
"""Alpha from which on a pixel counts as opaque: lossy codecs never quite give back 255."""
_ENDLESS = Limits(max_seconds=float("inf"), max_pixels=2**27, max_frames=10**9, max_bytes=2**63, max_total_pixels=2**63)
_OURS = {
    ("png", "png"): "apng",
    ("webm", "vp9"): "webm",
    ("mov", "prores"): "mov",
    ("mov", "hevc"): "hevc",
    ("mp4", "h264"): "mp4",
    ("webp", "webp"): "webp",
    ("gif", "gif"): "gif",
    ("png-zip", "png"): "png-zip",
}
"""Names of the formats table, by container and codec: what plays these says nothing of the same container with another
codec, such as HEVC in an MP4."""
_EVERYWHERE = {"yuv420p", "yuvj420p"}, {"aac", "mp3float", "mp3"}
"""Pixel formats and sounds of an H.264 MP4 that plays everywhere: no hardware decodes 10 bits or 4:4:4."""


@dataclass(frozen=True, slots=True)
class _Content:
    format: str
    """A name of the formats table where the file is of that kind, else the container that its bytes say."""
    codec: str
    seconds: Fraction
    """When the last picture ends; 0 for a still."""
    frames: int
    """Counted, not declared."""
    size: tuple[int, int]
    alpha: bool
    """Whether a decoded picture is not opaque."""
    audio: bool = False
    plays_in: tuple[str, ...] = ()


def inspect(path: Path) -> Card:
    """`output`, `plays_in` and `complies` of any file that we make or take. Raises `Unreadable` and `Refused`."""
    if not path.is_file():  # a pipe would never answer
        raise Unreadable("There is no such file.", cause=str(path))
    content = _content(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    output = {
        "format": content.format,
        "codec": content.codec,
        "bytes": path.stat().st_size,
        "seconds": round(float(content.seconds), 6),
        "frames": content.frames,
        "width": content.size[0],
        "height": content.size[1],
        "alpha": content.alpha,
        "audio": content.audio,
        "sha256": digest,
    }
    return {"output": output, "plays_in": list(content.plays_in), "complies": complies(output)}


def complies(output: Mapping[str, Any]) -> dict[str, bool | str]:
    """For each platform, true or why not."""
    return {name: "; ".join(check(output, target)) or True for name, target in PRESETS.items()}


def _content(path: Path) -> _Content:
    with path.open("rb") as file:
        archive = file.read(4) == b"PK\x03\x04"
    return _zip(path) if archive else _clip(path)


def _zip(path: Path) -> _Content:
    """A zip as we make them."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("times.json").file_size > 10**7:
                raise Unreadable("The list of times in this zip is far too long.")
            about = json.loads(archive.read("times.json"))
            present = set(archive.namelist())
            names = [frame["file"] for frame in about["frames"] if frame["file"] in present]
            alphas = (_alpha_of(archive, name) for name in names)
            size = int(about["width"]), int(about["height"])
            seconds = Fraction(about["seconds"]).limit_denominator(10**6)
            clear = _any_clear(alphas)
            return _Content("png-zip", "png", seconds, len(names), size, clear, plays_in=FORMATS["png-zip"].plays_in)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise Unreadable("This zip is not one of ours: it has no frames with times.", cause=repr(error)) from error


def _alpha_of(archive: zipfile.ZipFile, name: str) -> Pixels:
    with archive.open(name) as file, Image.open(file, formats=["PNG"]) as picture:
        return np.asarray(picture.convert("RGBA"))[..., 3]


def _clip(path: Path) -> _Content:
    source, kind = open_source(path, limits=_ENDLESS), sniff(path)
    info = source.original
    known, seconds = _OURS.get((kind.name, info.codec)), info.seconds or Fraction(0)
    if known == "mp4":
        with opened(path, kind, _ENDLESS) as container:
            title = container.metadata.get("title")
            known = title if title in ("matte", "stacked") else known
            plays_in = FORMATS[known].plays_in if _plays_everywhere(container) else ()
    else:
        plays_in = FORMATS[known].plays_in if known else ()
    height = info.height
    alphas: Iterator[Pixels]
    if known == "stacked":
        height //= 2
        alphas = (frame.rgb[height:, :, 1] for frame in source.frames())
    elif info.codec == "hevc":
        alphas = _hevc_alphas(path, kind, info)
    elif kind.demuxer and not info.alpha:
        alphas = iter(())
    else:
        alphas = (frame.alpha for frame in source.frames())
    many = max(_LOOKED_AT, _PIXELS // (info.width * info.height))
    size, clear = (info.width, height), _any_clear(islice(alphas, many))
    return _Content(known or kind.name, info.codec, seconds, info.frames or 0, size, clear, info.audio, plays_in)


def _plays_everywhere(container: InputContainer) -> bool:
    """Whether an H.264 MP4 is one that every phone, browser and program plays."""
    pixels, sounds = _EVERYWHERE
    codecs = {stream.codec_context.name if stream.codec_context else "" for stream in container.streams.audio}
    return {stream.codec_context.pix_fmt for stream in container.streams.video} <= pixels and codecs <= sounds


def _hevc_alphas(path: Path, kind: Kind, info: ClipInfo) -> Iterator[Pixels]:
    """By ffmpeg: it is newer than the library in this process, which does not read the alpha layer of HEVC yet."""
    read = ["-protocol_whitelist", "file", "-f", kind.demuxer, "-i", str(path.absolute()), "-map", "0:v:0"]
    write = ["-frames:v", str(_LOOKED_AT), "-pix_fmt", "rgba", "-f", "rawvideo", "pipe:1"]
    with closing(Ffmpeg([*read, *write], stdout=True, cpu_seconds=60)) as ffmpeg:
        while len(raw := ffmpeg.stdout.read(info.width * info.height * 4)) == info.width * info.height * 4:
            yield np.frombuffer(raw, np.uint8)[3::4]


def _any_clear(alphas: Iterator[Pixels]) -> bool:
    return any(int(alpha.min(initial=255)) < _OPAQUE for alpha in alphas)
