"""Clips drawn in milliseconds: a disc moves over a gradient, so the true matte of every frame is known exactly.

    clip = draw(tmp_path / "a.mp4", frames=6, fps=24, audio=True)
    clip.path, clip.masks, clip.times, clip.length

The suffix chooses the container and a codec that fits; still and animated pictures are drawn by Pillow.
"""

import itertools
import math
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import imageio_ffmpeg
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Size = tuple[int, int]
"""(width, height)"""

SIZE: Size = (96, 64)
DISC = (230, 60, 40)
SCREEN = (0, 190, 60)
"""The green that `screen=True` puts behind the disc."""


def ffmpeg(*args: object, data: bytes | None = None) -> bytes:
    """Run the reference program; what it writes to its standard output."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, args)]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


_CODECS = {
    ".mp4": ("libx264", "yuv420p"),
    ".m4v": ("libx264", "yuv420p"),
    ".mov": ("libx264", "yuv420p"),
    ".mkv": ("libx264", "yuv420p"),
    ".avi": ("mpeg4", "yuv420p"),
    ".webm": ("libvpx-vp9", "yuv420p"),
}
_ALPHA_CODECS = {
    ".webm": ("libvpx-vp9", "yuva420p"),
    ".mov": ("prores_ks", "yuva444p10le"),
    ".mkv": ("ffv1", "yuva420p"),
    ".avi": ("png", "rgba"),
}
_FAST = {
    "libx264": {"preset": "ultrafast", "crf": "10"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:crf=10"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "0", "auto-alt-ref": "0"},
    "prores_ks": {"profile": "4444", "qscale": "4"},
    "mpeg4": {"qmin": "1", "qmax": "2", "b": "20000000"},
}


@dataclass(frozen=True)
class Drawn:
    """A clip and the truth about it."""

    path: Path
    rgb: Pixels
    """(N, H, W, 3) as displayed, before coding."""
    masks: Pixels
    """(N, H, W), 255 inside the disc, its rim anti-aliased."""
    times: tuple[Fraction, ...]
    """Seconds at which each frame begins; the first is 0."""
    length: Fraction
    """Seconds until the last frame ends."""

    @property
    def frames(self) -> int:
        return len(self.times)


def pictures(frames: int, size: Size = SIZE, *, screen: bool = False) -> tuple[Pixels, Pixels]:
    """The frames (N, H, W, 3) and their true mattes (N, H, W)."""
    width, height = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    if screen:
        back = np.broadcast_to(np.array(SCREEN, np.float32), (height, width, 3))
    else:
        back = np.stack([40 + 120 * x / width, 60 + 120 * y / height, 200 - 100 * x / width], axis=-1)
    radius = max(1.0, min(size) * 0.28)
    rgb = np.empty((frames, height, width, 3), np.uint8)
    masks = np.empty((frames, height, width), np.uint8)
    for number in range(frames):
        turn = 2 * math.pi * number / max(frames, 12)
        centre = width * (0.5 + 0.2 * math.sin(turn)), height * (0.5 + 0.12 * math.cos(turn))
        inside = np.clip(radius + 0.5 - np.hypot(x + 0.5 - centre[0], y + 0.5 - centre[1]), 0, 1)
        masks[number] = np.round(inside * 255)
        rgb[number] = np.round(back + inside[..., None] * (np.array(DISC, np.float32) - back))
    return rgb, masks


def times(frames: int, fps: float | Fraction, *, variable: bool = False) -> tuple[tuple[Fraction, ...], Fraction]:
    """When each frame begins, and when the last ends. `variable` makes every third frame last three times as long."""
    step = 1 / Fraction(fps).limit_denominator(1001)
    at, begins = Fraction(0), []
    for number in range(frames):
        begins.append(at)
        at += step * (3 if variable and number % 3 == 1 else 1)
    return tuple(begins), at


def draw(
    path: Path,
    *,
    frames: int = 8,
    seconds: float | None = None,
    fps: float | Fraction = 10,
    size: Size = SIZE,
    codec: str | None = None,
    pix_fmt: str | None = None,
    audio: bool = False,
    alpha: bool = False,
    rotation: int = 0,
    variable: bool = False,
    screen: bool = False,
    sar: Fraction | None = None,
    gop: int = 12,
    options: dict[str, str] | None = None,
) -> Drawn:
    """Write a video; `size` and the truth are as stored, before `rotation` (degrees, counter-clockwise) and `sar`."""
    if seconds is not None:
        frames = max(1, round(seconds * float(fps)))
    rgb, masks = pictures(frames, size, screen=screen)
    begins, length = times(frames, fps, variable=variable)
    default_codec, default_format = (_ALPHA_CODECS if alpha else _CODECS)[path.suffix]
    codec = codec or default_codec
    with av.open(str(path), "w") as out:
        rate = Fraction(fps).limit_denominator(1001)
        stream = cast(
            VideoStream, out.add_stream(codec, rate=rate, options={**_FAST.get(codec, {}), **(options or {})})
        )
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt or default_format
        stream.codec_context.time_base = 1 / rate
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        if sar:
            stream.codec_context.sample_aspect_ratio = sar
        if rotation:
            stream.set_display_rotation(rotation)
        if alpha and codec == "libvpx-vp9":
            stream.metadata["alpha_mode"] = "1"
        opus = path.suffix in (".webm", ".mkv")
        sound = out.add_stream("libopus" if opus else "aac", rate=48000) if audio else None
        for number, begin in enumerate(begins):
            if alpha:
                frame = av.VideoFrame.from_ndarray(np.dstack([rgb[number], masks[number]]), format="rgba")
            else:
                frame = av.VideoFrame.from_ndarray(rgb[number], format="rgb24")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.time_base = 1 / rate
            frame.pts = round(begin * rate)
            frame.duration = round((((*begins, length))[number + 1] - begin) * rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if sound is not None:
            _hum(out, sound, length)
    return Drawn(path, rgb, masks, begins, length)


def _hum(out: av.container.OutputContainer, sound: AudioStream, length: Fraction) -> None:
    """A 440 Hz tone as long as the pictures."""
    count = round(length * 48000)
    wave = (0.2 * np.sin(np.arange(count) * 2 * np.pi * 440 / 48000)).astype(np.float32)
    layout = sound.codec_context.layout.name
    channels = sound.codec_context.layout.nb_channels
    block = sound.codec_context.frame_size or 960
    for start in range(0, count, block):
        part = wave[start : start + block]
        frame = av.AudioFrame.from_ndarray(np.stack([part] * channels), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        for ready in av.AudioResampler(sound.codec_context.format.name, layout, 48000).resample(frame):
            out.mux(sound.encode(ready))
    out.mux(sound.encode(None))


def _animation(frames: int, fps: float, size: Size, alpha: bool, variable: bool, unit: int) -> tuple[Drawn, list[int]]:
    """The truth on a clock of `unit` ticks a second, and every frame's ticks."""
    rgb, masks = pictures(frames, size)
    begins, length = times(frames, fps, variable=variable)
    edges = [round(begin * unit) for begin in (*begins, length)]
    truth = Drawn(Path(), rgb, masks, tuple(Fraction(edge, unit) for edge in edges[:-1]), Fraction(edges[-1], unit))
    return truth, [after - before for before, after in itertools.pairwise(edges)]


def _save(path: Path, truth: Drawn, images: list[Image.Image], **how: Any) -> Drawn:
    images[0].save(path, save_all=True, append_images=images[1:], **how)
    return Drawn(path, truth.rgb, truth.masks, truth.times, truth.length)


def _rgba(truth: Drawn, alpha: bool, masks: Pixels | None = None) -> list[Image.Image]:
    masks = truth.masks if masks is None else masks
    return [
        Image.fromarray(np.dstack([rgb, mask]) if alpha else rgb) for rgb, mask in zip(truth.rgb, masks, strict=True)
    ]


def draw_gif(
    path: Path, *, frames: int = 6, fps: float = 10, size: Size = SIZE, alpha: bool = False, variable: bool = False
) -> Drawn:
    """An animated GIF; its transparency is all or nothing, so the true mattes are the masks cut at 128."""
    truth, ticks = _animation(frames, fps, size, alpha, variable, 100)
    hard = np.where(truth.masks >= 128, 255, 0).astype(np.uint8)
    truth = Drawn(path, truth.rgb, hard, truth.times, truth.length)
    return _save(path, truth, _rgba(truth, alpha), duration=[tick * 10 for tick in ticks], loop=0, disposal=2)


def draw_webp(
    path: Path, *, frames: int = 6, fps: float = 10, size: Size = SIZE, alpha: bool = False, variable: bool = False
) -> Drawn:
    """A lossless animated WebP; one frame makes a still."""
    truth, ticks = _animation(frames, fps, size, alpha, variable, 1000)
    return _save(path, truth, _rgba(truth, alpha), duration=ticks, loop=0, lossless=True, exact=True, method=0)


def draw_apng(
    path: Path, *, frames: int = 6, fps: float = 10, size: Size = SIZE, alpha: bool = False, variable: bool = False
) -> Drawn:
    """An animated PNG."""
    truth, ticks = _animation(frames, fps, size, alpha, variable, 1000)
    return _save(path, truth, _rgba(truth, alpha), duration=ticks, loop=0, disposal=0, blend=0)


def draw_still(path: Path, *, size: Size = SIZE, alpha: bool = False, orientation: int = 1) -> Drawn:
    """A single picture in the format of the suffix; `orientation` is the EXIF value."""
    if path.suffix == ".heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    rgb, masks = pictures(1, size)
    truth = Drawn(path, rgb, masks, (Fraction(0),), Fraction(0))
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"lossless": True} if path.suffix == ".webp" else {"quality": 95} if path.suffix in (".jpg", ".jpeg") else {}
    _rgba(truth, alpha)[0].save(path, exif=exif, **how)
    return truth
