"""Read a file of ours back with something that did not write it: Pillow, or the ffmpeg program."""

import io
import json
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from tests.clips import pictures, times
from vimix.frame import Frame


@dataclass(frozen=True)
class Read:
    rgba: NDArray[np.uint8]
    """(N, H, W, 4)"""
    times: list[float]
    seconds: float
    """When the last picture ends."""
    sound: float | None = None
    """Seconds of sound, decoded."""


def drawn(
    count: int, size: tuple[int, int] = (96, 64), fps: float | Fraction = 10, *, variable: bool = False
) -> list[Frame]:
    rgb, masks = pictures(count, size)
    begins, length = times(count, fps, variable=variable)
    ends = (*begins[1:], length)
    return [Frame(rgb[n], masks[n], begins[n], ends[n] - begins[n]) for n in range(count)]


def read_back(path: Path, name: str) -> Read:
    if name in ("png-zip", "sprites", "bundle"):
        return {"png-zip": _read_zip, "sprites": _read_sprites, "bundle": _read_bundle}[name](path)
    return _read_pictures(path) if name in ("webp", "gif", "apng") else _read_video(path, name)


def _read_pictures(path: Path) -> Read:
    with Image.open(path) as picture:
        rgba, delays = [], []
        for frame in ImageSequence.Iterator(picture):
            rgba.append(np.asarray(frame.convert("RGBA")))
            delays.append(frame.info.get("duration", 0) / 1000)
    return Read(np.stack(rgba), list(np.cumsum([0, *delays[:-1]])), sum(delays))


def _read_zip(path: Path) -> Read:
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("times.json"))
        listed = archive.read("frames.ffconcat").decode().split()
        rgba = [np.asarray(Image.open(io.BytesIO(archive.read(frame["file"])))) for frame in about["frames"]]
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
    assert listed[4::4] == [frame["file"] for frame in about["frames"]]
    assert (about["height"], about["width"]) == rgba[0].shape[:2]
    return Read(np.stack(rgba), [frame["time"] for frame in about["frames"]], about["seconds"])


def _read_sprites(path: Path) -> Read:
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("sprites.json"))
        sheet = Image.open(io.BytesIO(archive.read(about["meta"]["image"])))
    frames = about["frames"]
    assert about["animations"] == {"clip": list(frames)}
    assert about["meta"]["frameTags"] == [{"name": "clip", "from": 0, "to": len(frames) - 1, "direction": "forward"}]
    assert sheet.size == (about["meta"]["size"]["w"], about["meta"]["size"]["h"])
    boxes = [
        (at["x"], at["y"], at["x"] + at["w"], at["y"] + at["h"]) for at in (row["frame"] for row in frames.values())
    ]
    assert len(set(boxes)) == len(boxes)
    delays = [row["duration"] / 1000 for row in frames.values()]
    rgba = np.stack([np.asarray(sheet.crop(box)) for box in boxes])
    return Read(rgba, list(np.cumsum([0, *delays[:-1]])), sum(delays))


def _read_bundle(path: Path) -> Read:
    with tempfile.TemporaryDirectory() as aside, zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["foreground.mp4", "matte.mp4"]
        archive.extractall(aside)
        colour = _read_video(Path(aside) / "foreground.mp4", "mp4")
        matte = _read_video(Path(aside) / "matte.mp4", "matte")
    assert matte.times == colour.times
    assert matte.sound is None
    return replace(colour, rgba=np.concatenate([colour.rgba[..., :3], matte.rgba[..., 1:2]], axis=3))


def _read_video(path: Path, name: str) -> Read:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        size = stream.height, stream.width
        shown = sorted(
            (packet.pts * packet.time_base, packet.duration * packet.time_base)
            for packet in file.demux(stream)
            if packet.pts is not None and packet.time_base is not None and packet.duration is not None
        )
        sound = None
        if file.streams.audio:
            file.seek(0)
            frames = list(file.decode(audio=0))
            sound = sum(frame.samples for frame in frames) / frames[0].sample_rate
    decoder = ["-c:v", "libvpx-vp9"] if name == "webm" else []
    matrix = ["-vf", "scale=in_color_matrix=bt709:in_range=tv:out_range=pc", "-pix_fmt", "rgba"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *decoder, "-i", str(path), "-map", "0:v:0"]
    command += ["-fps_mode", "passthrough", *matrix, "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    rgba = np.frombuffer(raw, np.uint8).reshape(-1, *size, 4)
    if name == "stacked":
        above, below = np.split(rgba, 2, axis=1)
        rgba = np.concatenate([above[..., :3], below[..., 1:2]], axis=3)
    return Read(rgba, [float(begin) for begin, _ in shown], float(sum(shown[-1])), sound)
