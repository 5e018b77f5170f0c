"""Video files: tags that players go by, sound that fits, programs that fail."""

import subprocess
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest

from tests.clips import draw
from tests.sinks.readback import drawn
from vimix.errors import Failed
from vimix.frame import Frame
from vimix.sinks import FORMATS, AudioFrom, Encoding, Format, open_sink
from vimix.sinks.container import HEVC, video

VIDEOS = ("webm", "mov", "hevc", "mp4", "matte")


def write(name: str, path: Path, frames: list[Frame], **how: Any) -> Path:
    with open_sink(name, path, Encoding(**how)) as sink:
        for frame in frames:
            sink.write(frame)
    return path


def told(path: Path) -> str:
    """What ffmpeg says of a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True).stderr


@pytest.mark.parametrize("name", VIDEOS)
def test_colours_are_tagged(name: str, tmp_path: Path) -> None:
    words = told(write(name, tmp_path / ("a" + FORMATS[name].suffix), drawn(2)))
    assert "tv, bt709" in words
    assert "bt709/unknown" not in words
    for tag in {"webm": ("ALPHA_MODE", ": 1"), "mov": ("ap4h",), "hevc": ("hvc1",)}.get(name, ("avc1",)):
        assert tag in words


@pytest.mark.parametrize("name", ["mp4", "matte", "hevc"])
def test_the_index_comes_first(name: str, tmp_path: Path) -> None:
    written = write(name, tmp_path / "a", drawn(3)).read_bytes()
    assert 0 < written.index(b"moov") < written.index(b"mdat")


@pytest.mark.parametrize("name", ["webm", "mov", "hevc", "mp4"])
@pytest.mark.parametrize("fps", [24, 60])
def test_sound_ends_with_the_picture(name: str, fps: int, tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", seconds=2, fps=10, audio=True)
    path = write(name, tmp_path / "a", drawn(fps, fps=fps), audio=AudioFrom(clip.path), fps=Fraction(fps))
    with av.open(str(path)) as file:
        assert file.duration is not None
        assert abs(file.duration / av.time_base - 1) < 1 / 50
        tone = np.concatenate([frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)])
    assert np.abs(tone.astype(float)).max() > 0.05


def test_sound_that_begins_late_stays_late(tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", seconds=1, fps=10, audio=True)
    early = AudioFrom(clip.path, Fraction(-1, 2), Fraction(1))
    path = write("mov", tmp_path / "a", drawn(15), audio=early)
    with av.open(str(path)) as file:
        tone = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in file.decode(audio=0)])
    assert np.abs(tone[: 48000 * 4 // 10]).max() == 0
    assert np.abs(tone[48000 * 6 // 10 :]).max() > 1000


def test_sound_of_a_damaged_clip_is_no_reason_to_fail(tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mkv", seconds=2, fps=10, audio=True)
    damaged = bytearray(clip.path.read_bytes())
    for at in range(len(damaged) // 2, len(damaged) // 2 + 2000, 3):
        damaged[at] ^= 0x5A
    clip.path.write_bytes(damaged)
    path = write("mp4", tmp_path / "a", drawn(20), audio=AudioFrom(clip.path))
    with av.open(str(path)) as file:
        assert file.streams.video[0].frames == 20


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    broken = replace(
        HEVC,
        program=lambda encoding, path: ["-f", "nut", "-i", "pipe:0", "-c:v", "no-such", "-f", "mov", str(path)],
    )
    row = replace(FORMATS["hevc"], start=video(broken))
    with pytest.raises(Failed) as caught:
        _pour(row, tmp_path / "a", drawn(40, (640, 360)))
    assert "no-such" in caught.value.cause
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_hangs_is_killed(tmp_path: Path) -> None:
    hanging = replace(HEVC, program=lambda encoding, path: ["-f", "lavfi", "-re", "-i", "color", "-f", "null", "-"])
    row = replace(FORMATS["hevc"], start=video(hanging))
    before, began = children(), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _pour(row, tmp_path / "a", drawn(3, (640, 360)), KeyboardInterrupt())
    assert time.monotonic() - began < 5
    assert list(tmp_path.iterdir()) == []
    assert children() <= before


def children() -> set[str]:
    """The processes that this one has started and not yet buried, on Linux."""
    return {pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()}


def _pour(row: Format, path: Path, frames: list[Frame], then: BaseException | None = None) -> None:
    with row.open(path, Encoding()) as sink:
        for frame in frames:
            sink.write(frame)
        if then:
            raise then


def test_the_matte_is_grey_and_true(tmp_path: Path) -> None:
    frames = drawn(3)
    path = write("matte", tmp_path / "a", frames, quality=95)
    with av.open(str(path)) as file:
        for frame, read in zip(frames, file.decode(video=0), strict=True):
            grey = read.to_ndarray(format="rgb24").astype(int)
            assert np.ptp(grey, axis=2).max() <= 4
            assert np.abs(grey[..., 1] - frame.alpha).mean() < 2
