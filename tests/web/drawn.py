"""A clip for the page's tests: two seconds of a ball before a wall."""

import secrets
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw


def draw(
    path: Path,
    *,
    seconds: float = 2.0,
    size: tuple[int, int] = (320, 180),
    wall: tuple[int, int, int] = (60, 110, 160),
    second: bool = False,
) -> Path:
    """Write an H.264 clip; with a `second` ball that stays where it is, on the right."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=12, options={"crf": "28", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = Fraction(1, 12)
        for step in range(round(seconds * 12)):
            image = Image.new("RGB", size, wall)
            ImageDraw.Draw(image).ellipse((20 + step * 8, 50, 100 + step * 8, 130), fill=(230, 80, 60))
            if second:
                ImageDraw.Draw(image).ellipse((210, 60, 270, 120), fill=(40, 60, 230))
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB")), format="rgb24")))
        file.mux(stream.encode())
    return path


FATES = ("refuse", "fail", "slow", "calm")


def fated(clip: Path, path: Path, fate: str = "") -> Path:
    """Copy an MP4 to `path` with a fate for `light_work` in a box at its end, and a number, so that none is equal."""
    content = f"fate {fate or 'none'} {secrets.token_hex(8)}".encode()
    path.write_bytes(clip.read_bytes() + struct.pack(">I4s", 8 + len(content), b"free") + content)
    return path


def fate_of(clip: Path) -> str:
    """The fate that was written into the clip; "" where there is none."""
    _, found, rest = clip.read_bytes()[-64:].rpartition(b"freefate ")
    fate = rest.split(b" ")[0].decode() if found else ""
    return fate if fate in FATES else ""
