"""What a finished file is, read back from its bytes: the half of a card that never quotes a setting."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from av.container import InputContainer

from vimix.concurrency.ffmpeg import Ffmpeg
from vimix.errors import Unreadable
from vimix.events import Card
from vimix.frame import ClipInfo, Pixels
from vimix.media.decode import open_source
from vimix.media.demuxer import opened
from vimix.media.file_type import Kind, sniff
from vimix.media.limits import Limits
from vimix.pipeline.archives import Content, any_clear, in_zip
from vimix.pipeline.presets import PRESETS, check
from vimix.sinks import FORMATS

_LOOKED_AT, _PIXELS = 8, 500_000_000
"""Frames that are decoded at least in search of one that is not opaque, and pixels over all of them at most: a subject
that fades in is found within 8 s of 1080p, and a wholly opaque clip with an alpha plane costs a few seconds."""
_ENDLESS = Limits(max_seconds=float("inf"), max_pixels=2**27, max_frames=10**9, max_bytes=2**63, max_total_pixels=2**63)
_OURS = {
    ("png", "png"): "apng",
    ("webm", "vp9"): "webm",
    ("mov", "prores"): "mov",
    ("mov", "hevc"): "hevc",
    ("mp4", "h264"): "mp4",
    ("webp", "webp"): "webp",
    ("gif", "gif"): "gif",
}
"""Names of the formats table, by container and codec: what plays these says nothing of the same container with another
codec, such as HEVC in an MP4."""
_EVERYWHERE = {"yuv420p", "yuvj420p"}, {"aac", "mp3float", "mp3"}
"""Pixel formats and sounds of an H.264 MP4 that plays everywhere: no hardware decodes 10 bits or 4:4:4."""


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


def _content(path: Path) -> Content:
    with path.open("rb") as file:
        archive = file.read(4) == b"PK\x03\x04"
    return in_zip(path, _in_bundle) if archive else _clip(path)


def _in_bundle(path: Path) -> Content:
    """One video of a bundle: what is grey in it counts as clear."""
    content = _clip(path)
    if content.format != "matte":
        return content
    greys = (frame.rgb[..., 1] for frame in open_source(path, limits=_ENDLESS).frames())
    return replace(content, alpha=any_clear(greys))


def _clip(path: Path) -> Content:
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
        if known == "apng" and info.still:  # a PNG like any other
            plays_in = ("everywhere",)
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
    size, clear = (info.width, height), any_clear(islice(alphas, many))
    return Content(known or kind.name, info.codec, seconds, info.frames or 0, size, clear, info.audio, plays_in)


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
