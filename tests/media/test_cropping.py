"""The rim that a container hides."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.clips import draw, ffmpeg
from vimix.media.cropping import Crop, cropping
from vimix.media.decode import open_source
from vimix.media.file_type import MKV, MP4


def with_clean_aperture(path: Path, wide: int, high: int, over: int = 0, down: int = 0) -> Path:
    """A `clap` box at the end of the first sample description of an MP4 that ends with its index."""
    data = path.read_bytes()
    box = struct.pack(">I4sIIIIiIiI", 40, b"clap", wide, 1, high, 1, over, 1, down, 1)
    at, boxes = 0, []
    names = ((b"moov", 8), (b"trak", 8), (b"mdia", 8), (b"minf", 8), (b"stbl", 8), (b"stsd", 16), (b"avc1", 86))
    for name, inside in names:
        while data[at + 4 : at + 8] != name:
            at += struct.unpack_from(">I", data, at)[0]
        boxes.append(at)
        at += inside
    end = boxes[-1] + struct.unpack_from(">I", data, boxes[-1])[0]
    grown = bytearray(data[:end] + box + data[end:])
    for at in boxes:
        struct.pack_into(">I", grown, at, struct.unpack_from(">I", grown, at)[0] + len(box))
    path.write_bytes(grown)
    return path


def with_pixel_crop(path: Path, crop: Crop) -> Path:
    """PixelCrop elements (RFC 9559 section 5.1.4.1.28.11 on) at the end of the first Video element."""
    made = path.with_name(f"cropped{path.suffix}")
    ffmpeg("-i", path, "-c", "copy", "-write_crc32", 0, "-live", 1, made)
    data = bytearray(made.read_bytes())
    fields = ((0x54CC, crop.left), (0x54BB, crop.top), (0x54DD, crop.right), (0x54AA, crop.bottom))
    new = b"".join(struct.pack(">HBB", name, 0x81, value) for name, value in fields)
    places = [match.start() for match in re.finditer(rb"\x16\x54\xae\x6b(?=.{1,8}\xae)|\xae(?=\x01\0{6})|\xe0", data)]
    tracks = next(place for place in places if data[place] == 0x16 and place > data.index(b"\x15\x49\xa9\x66"))
    entry = next(place for place in places if data[place] == 0xAE and place > tracks)
    video = next(place for place in places if data[place : place + 1] + data[place + 2 : place + 4] == b"\xe0\xb0\x81")
    end = video + 2 + (data[video + 1] & 0x7F)
    for place, name in ((tracks, 4), (entry, 1), (video, 1)):
        length = 9 - data[place + name].bit_length()
        size = slice(place + name, place + name + length)
        data[size] = (int.from_bytes(data[size]) + len(new)).to_bytes(length)
    made.write_bytes(data[:end] + new + data[end:])
    return made


def seen_by_ffmpeg(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The first picture, (H, W, 3); fails where it has another size."""
    raw = ffmpeg("-i", path, "-frames:v", 1, "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    return np.frombuffer(raw, np.uint8).reshape(size[1], size[0], 3)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(
    ("wide", "high", "over", "down", "crop"),
    [
        (72, 64, 0, 0, Crop(12, 0, 12, 0)),
        (96, 40, 0, -8, Crop(0, 4, 0, 20)),
        (60, 50, 6, 3, Crop(24, 10, 12, 4)),
        (72, 58, 1, 1, Crop(13, 4, 11, 2)),
        (71, 63, 0, 0, Crop(12, 0, 13, 1)),
        (300, 300, 0, 0, Crop()),  # more than there is
        (0, 10, 0, 0, Crop()),
    ],
)
def test_the_clean_aperture_is_what_is_shown(
    tmp_path: Path, suffix: str, wide: int, high: int, over: int, down: int, crop: Crop
) -> None:
    clip = draw(tmp_path / f"a{suffix}", frames=3)
    path = with_clean_aperture(clip.path, wide, high, over, down)
    width, height = crop.size(96, 64)
    size = width // 2 * 2, height // 2 * 2  # whole samples of chroma
    assert cropping(path, MP4, 1, (96, 64)) == crop
    source = open_source(path)
    frames = list(source.frames())
    assert (source.info.width, source.info.height, len(frames)) == (*size, 3)
    top, left = crop.top // 2 * 2, crop.left // 2 * 2
    truth = clip.rgb[0][top : top + size[1], left : left + size[0]]
    assert np.abs(frames[0].rgb.astype(int) - truth).mean() < 8
    assert np.abs(frames[0].rgb.astype(int) - seen_by_ffmpeg(path, size)).mean() < 4


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
@pytest.mark.parametrize("crop", [Crop(12, 0, 12, 0), Crop(0, 8, 0, 2), Crop(7, 3, 5, 1)])
def test_what_matroska_crops_is_not_shown(tmp_path: Path, suffix: str, crop: Crop) -> None:
    clip = draw(tmp_path / f"a{suffix}", frames=3)
    path = with_pixel_crop(clip.path, crop)
    assert cropping(path, MKV, 0, (96, 64)) == crop
    source = open_source(path)
    (first, *_) = source.frames()
    width, height = crop.size(96, 64)
    size = width // 2 * 2, height // 2 * 2
    assert first.rgb.shape == (size[1], size[0], 3)
    top, left = crop.top // 2 * 2, crop.left // 2 * 2
    assert np.abs(first.rgb.astype(int) - clip.rgb[0][top : top + size[1], left : left + size[0]]).mean() < 8
    assert np.abs(first.rgb.astype(int) - seen_by_ffmpeg(path, size)).mean() < 4


@pytest.mark.parametrize("seed", range(30))
def test_damaged_indexes_hide_nothing_and_raise_nothing(tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    mp4 = with_clean_aperture(draw(tmp_path / "a.mp4", frames=1).path, 72, 64)
    mkv = with_pixel_crop(draw(tmp_path / "a.mkv", frames=1).path, Crop(2, 2, 2, 2))
    for path, kind, track in ((mp4, MP4, 1), (mkv, MKV, 0)):
        data = bytearray(path.read_bytes())
        for place in chance.integers(0, min(len(data), 2000), 12):
            data[place] = chance.integers(256)
        path.write_bytes(data[: chance.integers(1, len(data))] if seed % 3 == 0 else data)
        assert isinstance(cropping(path, kind, track, (96, 64)), Crop)


def test_a_crop_and_a_turn(tmp_path: Path) -> None:
    """The rim is one of the stored picture, and cut off before it is turned."""
    path = with_clean_aperture(draw(tmp_path / "a.mp4", frames=1, rotation=90).path, 72, 64)
    info = open_source(path).info
    assert (info.width, info.height) == (64, 72)
    assert len(seen_by_ffmpeg(path, (64, 72))) == 72
