"""What every format must keep, over all of them: whole or not at all, in order, in time, in colour, in alpha."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clips import draw
from tests.sinks.readback import drawn, read_back
from vimix.errors import Failed, Refused, StoreError, UsageError
from vimix.frame import Frame, opaque
from vimix.options import FORMATS as NAMES
from vimix.sinks import FORMATS, AudioFrom, Encoding, TooManyBytes, open_sink

RATES = [
    Fraction(12),
    Fraction(15),
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(60),
]
EVEN = {"hevc", "mp4", "matte", "stacked", "bundle"}
"""Formats whose codec needs even sides."""
formats = pytest.mark.parametrize("name", FORMATS)


def children() -> list[str]:
    """The processes that this one started, where the system tells."""
    return [line for task in Path("/proc/self/task").glob("*/children") for line in task.read_text().split()]


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    threads, processes = threading.active_count(), children()
    yield
    assert threading.active_count() == threads
    assert children() == processes
    assert list(folder.iterdir()) == []


def tall(height: int) -> Frame:
    """A picture 16 pixels wide."""
    return Frame(np.zeros((height, 16, 3), np.uint8), opaque(height, 16), Fraction(0), Fraction(1, 10))


def write(name: str, path: Path, frames: list[Frame], **how: Any) -> None:
    with open_sink(name, path, Encoding(**how)) as sink:
        for frame in frames:
            sink.write(frame)


class Stopped(BaseException):
    """Somebody closed the work."""


def write_and_stop(name: str, path: Path, frames: list[Frame]) -> None:
    with open_sink(name, path, Encoding()) as sink:
        for frame in frames:
            sink.write(frame)
        raise Stopped


def expected_alpha(name: str, alpha: np.ndarray) -> np.ndarray:
    if name == "gif":
        return np.where(alpha >= 128, 255, 0)
    return np.full_like(alpha, 255) if name in ("mp4", "matte") else alpha


def test_the_table_names_what_the_options_name() -> None:
    assert set(FORMATS) == set(NAMES)
    with pytest.raises(UsageError, match="png-zip"):
        open_sink("avi", Path("a.avi"), Encoding())


@formats
@pytest.mark.parametrize("fps", RATES, ids=lambda fps: f"{float(fps):.3f}")
def test_frames_and_time_are_those_of_the_clip(name: str, fps: Fraction, tmp_path: Path) -> None:
    frames = drawn(7, fps=fps)
    write(name, tmp_path / "out", frames, fps=fps)
    read = read_back(tmp_path / "out", name)
    if name == "gif" and fps > 50:
        assert len(read.rgba) == 5  # browsers show a picture of one hundredth for ten: it is left out
    else:
        assert len(read.rgba) == 7
        tick = 0.0051 if name == "gif" else 0.00051
        assert read.times == pytest.approx([float(frame.time) for frame in frames], abs=tick)
    assert abs(read.seconds - 7 / fps) < 1 / fps
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@formats
def test_a_variable_rate_is_kept(name: str, tmp_path: Path) -> None:
    frames = drawn(6, fps=20, variable=True)
    write(name, tmp_path / "out", frames, fps=Fraction(12))
    read = read_back(tmp_path / "out", name)
    assert read.times == pytest.approx([float(frame.time) for frame in frames], abs=0.0051 if name == "gif" else 0.001)
    if name != "hevc":  # in QuickTime durations go with the order of coding: how long the last picture lasts is unsaid
        assert read.seconds == pytest.approx(0.5, abs=0.01)


@formats
@pytest.mark.parametrize("size", [(96, 64), (97, 63)], ids=["even", "odd"])
def test_colour_and_alpha_come_back(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    frames = drawn(4, size)
    write(name, tmp_path / "out", frames, quality=90)
    read = read_back(tmp_path / "out", name)
    width, height = size
    whole = (height + height % 2, width + width % 2) if name in EVEN else (height, width)
    assert read.rgba.shape == (4, *whole, 4)
    apart = []
    for frame, rgba in zip(frames, read.rgba[:, :height, :width], strict=True):
        alpha = expected_alpha(name, frame.alpha)
        assert np.abs(rgba[..., 3].astype(float) - alpha).mean() < (1 if name == "hevc" else 0.5)
        colour, seen = (frame.alpha[..., None], alpha >= 0) if name == "matte" else (frame.rgb, alpha > 200)
        apart.append(np.abs(rgba[..., :3].astype(float) - colour)[seen].mean())
    assert np.mean(apart) < 4


@pytest.mark.parametrize("name", ["webp", "apng", "png-zip", "sprites"])
def test_lossless_is_exact_wherever_it_can_be_seen(name: str, tmp_path: Path) -> None:
    frames = drawn(3, (97, 63))
    write(name, tmp_path / "out", frames, lossless=True)
    for frame, rgba in zip(frames, read_back(tmp_path / "out", name).rgba, strict=True):
        assert np.array_equal(rgba[..., 3], frame.alpha)
        seen = frame.alpha > 0
        assert np.array_equal(rgba[seen][:, :3], frame.rgb[seen])
        assert not rgba[~seen][:, :3].any()


@formats
def test_one_frame_is_a_still_or_a_clip_of_one(name: str, tmp_path: Path) -> None:
    frames = drawn(1)
    write(name, tmp_path / "out", frames)
    read = read_back(tmp_path / "out", name)
    assert read.rgba.shape[0] == 1
    assert np.abs(read.rgba[0, ..., 3].astype(float) - expected_alpha(name, frames[0].alpha)).mean() < 0.5


@formats
def test_nothing_visible_is_nothing_visible(name: str, tmp_path: Path) -> None:
    frames = [Frame(frame.rgb, np.zeros_like(frame.alpha), frame.time, frame.duration) for frame in drawn(3)]
    write(name, tmp_path / "out", frames)
    read = read_back(tmp_path / "out", name)
    if FORMATS[name].alpha:
        assert read.rgba[..., 3].max() <= 2
    assert read.seconds == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("name", ["webm", "mov", "hevc", "mp4", "bundle"])
def test_sound_is_kept_and_cut_with_the_picture(name: str, tmp_path: Path) -> None:
    clip = draw(tmp_path / "clip.mp4", seconds=2, fps=10, audio=True)
    sound = AudioFrom(clip.path, Fraction(1, 2), Fraction(3, 2))
    write(name, tmp_path / "out", drawn(10), audio=sound)
    assert read_back(tmp_path / "out", name).sound == pytest.approx(1, abs=0.1)
    silent = draw(tmp_path / "silent.mp4")
    write(name, tmp_path / "quiet", drawn(3), audio=AudioFrom(silent.path))
    assert read_back(tmp_path / "quiet", name).sound is None


@formats
@pytest.mark.parametrize("after", [0, 1, 4])
def test_stopping_leaves_nothing(name: str, after: int, tmp_path: Path) -> None:
    frames = drawn(4, (320, 240))[:after]
    with nothing_left(tmp_path), pytest.raises(Stopped):
        write_and_stop(name, tmp_path / "a", frames)


@pytest.mark.parametrize("name", [row.name for row in FORMATS.values() if row.max_side])
def test_a_picture_too_large_for_the_format_is_refused(name: str, tmp_path: Path) -> None:
    most = FORMATS[name].max_side or 0
    with (
        nothing_left(tmp_path),
        pytest.raises(Refused, match=f"{most} pixels a side, and this is 16x{most + 1}"),
        open_sink(name, tmp_path / "a", Encoding()) as sink,
    ):
        sink.write(tall(most + 1))


@pytest.mark.parametrize("name", ["webp", "gif", "mp4"])
def test_the_largest_side_is_written(name: str, tmp_path: Path) -> None:
    most = FORMATS[name].max_side or 0
    with open_sink(name, tmp_path / "a", Encoding()) as sink:
        sink.write(tall(most))
    assert read_back(tmp_path / "a", name).rgba.shape[1] == most


@formats
def test_no_frames_is_an_error_and_no_file(name: str, tmp_path: Path) -> None:
    with nothing_left(tmp_path), pytest.raises(Failed), open_sink(name, tmp_path / "a", Encoding()):
        pass


@formats
def test_a_picture_of_another_size_ends_it(name: str, tmp_path: Path) -> None:
    with nothing_left(tmp_path), pytest.raises(Failed, match="size"):
        write(name, tmp_path / "a", [*drawn(2), *drawn(1, (64, 64))])


@formats
def test_too_many_bytes_end_it_early(name: str, tmp_path: Path) -> None:
    with nothing_left(tmp_path), pytest.raises(TooManyBytes) as many:
        write(name, tmp_path / "a", drawn(4, (320, 240)), max_bytes=300)
    assert many.value.over > 1


@formats
def test_the_file_before_it_stays_until_it_is_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with pytest.raises(Stopped):
        write_and_stop(name, path, drawn(1))
    assert path.read_bytes() == b"before"
    write(name, path, drawn(2))
    assert len(read_back(path, name).rgba) == 2


@formats
def test_a_folder_that_is_not_there_is_said_before_the_work(name: str, tmp_path: Path) -> None:
    sink = open_sink(name, tmp_path / "nowhere" / "a", Encoding())
    with pytest.raises(StoreError), sink:
        pass
