"""Where frames go: one row a format, one contract for all sinks.

A sink touches the disk in `__enter__` only, takes frames in order, learns its canvas from the first of them, writes
under a temporary name beside its path and renames on success. Leaving on an error deletes what was begun and ends
every thread and process it started.
"""

from pathlib import Path

from vimix.errors import UsageError
from vimix.sinks.animation import animation
from vimix.sinks.apng import APNG
from vimix.sinks.base import AudioFrom, Encoding, Format, Sink, TooManyBytes
from vimix.sinks.bundle import bundle
from vimix.sinks.container import HEVC, MATTE, MOV, MP4, STACKED, WEBM, video
from vimix.sinks.gif import GIF
from vimix.sinks.sprites import MOST_SIDE, sprites
from vimix.sinks.stills import png_zip
from vimix.sinks.webp import WEBP

__all__ = ["FORMATS", "AudioFrom", "Encoding", "Format", "Sink", "TooManyBytes", "open_sink"]

_BROWSERS = ("Chrome", "Edge", "Firefox", "Safari")
_APPLE = ("Safari", "QuickTime")
_EDITORS = ("Final Cut Pro", "Premiere Pro", "After Effects", "DaVinci Resolve", "QuickTime")
_ENGINES = ("Phaser", "PixiJS", "Unity", "Godot")
_BUNDLE = "Foreground and mask (zip)"
_MASK = "Alpha mask (black and white)"

FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("webp", ".webp", "image/webp", "WebP", True, False, _BROWSERS, animation(WEBP), 16383),
        Format("webm", ".webm", "video/webm", "WebM (VP9)", True, True, _BROWSERS[:3], video(WEBM), 65535),
        Format("gif", ".gif", "image/gif", "GIF", True, False, ("everywhere",), animation(GIF), 65535),
        Format("apng", ".png", "image/apng", "APNG", True, False, _BROWSERS, animation(APNG), None, "image/png"),
        Format("mov", ".mov", "video/quicktime", "ProRes 4444", True, True, _EDITORS, video(MOV), 65535),
        Format("hevc", ".mov", "video/quicktime", "HEVC with alpha", True, True, _APPLE, video(HEVC), 65535),
        Format("png-zip", ".zip", "application/zip", "PNG frames (zip)", True, False, _EDITORS[:-1], png_zip),
        Format("bundle", ".zip", "application/zip", _BUNDLE, True, True, _EDITORS[:-1], bundle, 16384),
        Format("sprites", ".zip", "application/zip", "Sprite sheet (zip)", True, False, _ENGINES, sprites, MOST_SIDE),
        Format("mp4", ".mp4", "video/mp4", "MP4", False, True, ("everywhere",), video(MP4), 16384),
        Format("matte", ".mp4", "video/mp4", _MASK, False, False, ("everywhere",), video(MATTE), 16384),
        Format("stacked", ".mp4", "video/mp4", "Stacked alpha MP4", True, False, (), video(STACKED), 8192),
    )
}  # fmt: skip


def open_sink(name: str, path: Path, encoding: Encoding) -> Sink:
    """A sink that writes that format to `path`; `UsageError` for a name that is not in the table."""
    if name not in FORMATS:
        raise UsageError(f"There is no format {name!r}; there are {', '.join(FORMATS)}.")
    return FORMATS[name].open(path, encoding)
