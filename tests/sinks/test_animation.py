"""WebP, GIF and APNG: what is stored once, how long it stays, where it lies."""

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.sinks.readback import drawn, read_back
from vimix.frame import Frame
from vimix.media.frame_durations import walk
from vimix.sinks import Encoding, open_sink
from vimix.sinks.palette import Palette
from vimix.sinks.pixels import filled, floored, visible

animated = pytest.mark.parametrize("name", ["webp", "gif", "apng"])


def write(name: str, path: Path, frames: list[Frame], **how: Any) -> Path:
    with open_sink(name, path, Encoding(**how)) as sink:
        for frame in frames:
            sink.write(frame)
    return path


def blocks(path: Path, name: str) -> list[Any]:
    with path.open("rb") as file:
        return list(walk(file, name.removeprefix("a")))


@animated
def test_neighbours_that_look_the_same_are_stored_once(name: str, tmp_path: Path) -> None:
    frames = drawn(4)
    shifted = [np.roll(frame.rgb, 3) for frame in frames]
    hidden = [
        np.where(frame.alpha[..., None] > 0, frame.rgb, other) for frame, other in zip(frames, shifted, strict=True)
    ]
    twice = [
        Frame(rgb, frame.alpha, 2 * frame.time + late, frame.duration)
        for frame, other in zip(frames, hidden, strict=True)
        for rgb, late in ((frame.rgb, 0), (other, Fraction(1, 10)))
    ]
    read = read_back(write(name, tmp_path / "a", twice), name)
    assert len(read.rgba) == 4
    assert read.times == pytest.approx([0, 0.2, 0.4, 0.6])
    assert read.seconds == pytest.approx(0.8)


@animated
def test_one_picture_that_stays_keeps_its_time(name: str, tmp_path: Path) -> None:
    frame = drawn(1)[0]
    path = write(name, tmp_path / "a", [replace(frame, time=Fraction(number, 10)) for number in range(5)])
    assert [block.duration for block in blocks(path, name)] == [Fraction(1, 2)]


@animated
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30), Fraction(7)])
def test_time_does_not_drift(name: str, fps: Fraction, tmp_path: Path) -> None:
    one, other = drawn(2, (16, 16))
    frames = [replace(one if n % 2 else other, time=n / fps, duration=1 / fps) for n in range(int(20 * fps))]
    durations = [block.duration for block in blocks(write(name, tmp_path / "a", frames, threads=1), name)]
    begins = list(itertools.accumulate(durations, initial=Fraction(0)))
    step = {"webp": Fraction(1, 2000), "gif": Fraction(1, 200), "apng": Fraction(0)}[name]
    assert max(abs(begin - n / fps) for n, begin in enumerate(begins)) <= step


def test_frames_too_brief_for_browsers_are_left_out(tmp_path: Path) -> None:
    frames = drawn(24, (16, 16), fps=240)
    durations = [block.duration for block in blocks(write("webp", tmp_path / "a", frames), "webp")]
    assert min(durations) >= Fraction(11, 1000)
    assert sum(durations) == Fraction(1, 10)


@animated
def test_it_plays_as_often_as_asked(name: str, tmp_path: Path) -> None:
    for loops, told in ((0, 0), (3, 3 if name != "gif" else 2)):
        with Image.open(write(name, tmp_path / "a", drawn(2), loops=loops)) as picture:
            assert picture.info["loop"] == told


def test_only_what_is_visible_is_stored(tmp_path: Path) -> None:
    frames = drawn(3, (320, 180))
    for block, frame in zip(blocks(write("webp", tmp_path / "a", frames), "webp"), frames, strict=True):
        (left, top, right, bottom), _, _ = visible(frame.rgb, floored(frame.alpha))
        assert (block.right, block.bottom) == (right, bottom)
        assert left % 2 == top % 2 == 0
        assert (right - left) * (bottom - top) < 320 * 180 / 3


def test_lossy_webp_keeps_alpha_exact_but_for_its_invisible_ends(tmp_path: Path) -> None:
    frames = drawn(2)
    ramp = np.arange(96 * 64).reshape(64, 96).astype(np.uint8)
    frames = [replace(frame, alpha=np.roll(ramp, number)) for number, frame in enumerate(frames)]
    for frame, rgba in zip(frames, read_back(write("webp", tmp_path / "a", frames), "webp").rgba, strict=True):
        assert np.array_equal(rgba[..., 3], floored(frame.alpha))
    assert [int(floored(np.full((2, 2), level, np.uint8))[0, 0]) for level in (6, 7, 248, 249)] == [0, 7, 248, 255]


def test_lower_quality_is_fewer_bytes_everywhere(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(-30, 30, (180, 320, 3))
    frames = [replace(f, rgb=np.clip(f.rgb + noise, 0, 255).astype(np.uint8)) for f in drawn(3, (320, 180))]
    for name in ("webp", "gif", "apng", "webm", "mov", "mp4", "hevc", "matte"):
        sizes = [write(name, tmp_path / "a", frames, quality=quality).stat().st_size for quality in (90, 50, 15)]
        assert sizes[0] >= sizes[1] > sizes[2], name


def test_a_palette_knows_edges_and_colours_to_come() -> None:
    red = np.full((8, 8, 3), (250, 10, 10), np.uint8)
    palette = Palette(red, np.full((8, 8), 255, np.uint8), colours=240)
    assert len(palette.rgb) <= 256
    for colour, alpha in (((250, 10, 10), 255), ((250, 10, 10), 128), ((20, 20, 220), 255), ((0, 0, 0), 0)):
        entry = int(palette.nearest(np.full((1, 1, 3), colour, np.uint8), np.full((1, 1), alpha, np.uint8))[0, 0])
        assert abs(int(palette.alpha[entry]) - alpha) <= 32
        if alpha:
            assert np.abs(palette.rgb[entry].astype(int) - colour).max() <= 45


def test_an_apng_with_a_palette_looks_alike(tmp_path: Path) -> None:
    frames = drawn(4)
    read = read_back(write("apng", tmp_path / "a", frames, quality=70), "apng")
    for frame, rgba in zip(frames, read.rgba, strict=True):
        assert np.abs(rgba[..., 3].astype(int) - frame.alpha).mean() < 2
        seen = frame.alpha > 200
        assert np.abs(rgba[..., :3].astype(int) - frame.rgb)[seen].mean() < 12


def test_under_clear_pixels_the_subject_goes_on() -> None:
    frame = drawn(1, (200, 120))[0]
    grey = np.where(frame.alpha > 0, np.uint8(200), np.uint8(0))
    rgb = filled(np.dstack([grey] * 3), frame.alpha)
    assert np.abs(rgb.astype(int) - 200).max() <= 12
    assert filled(frame.rgb, np.zeros_like(frame.alpha)).max() == 0
