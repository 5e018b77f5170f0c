"""Every kind of clip, read back against what was drawn."""

import os
import time
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests import clips
from tests.clips import Drawn
from vimix.concurrency.ffmpeg import Ffmpeg
from vimix.errors import Unreadable, UsageError
from vimix.frame import Frame
from vimix.media.decode import open_source, probe

SHARED = Path(__file__).parents[2] / "../shared/data/clips"


def read(path: Path, **how: object) -> list[Frame]:
    return list(open_source(path, **how).frames())  # type: ignore[arg-type]


def same(frames: list[Frame], truth: Drawn, *, rgb: float = 8, alpha: float = 1) -> None:
    """Mean differences below the tolerances (of 255): what lossy coding and halved chroma leave."""
    assert len(frames) == truth.frames
    for frame, picture, mask in zip(frames, truth.rgb, truth.masks, strict=True):
        seen = mask > 0
        assert np.abs(frame.rgb.astype(int) - picture)[seen].mean() < rgb
        if frame.alpha.min() < 255:
            assert np.abs(frame.alpha.astype(int) - mask).mean() < alpha


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"])
def test_every_container_gives_its_frames_and_its_times(tmp_path: Path, suffix: str) -> None:
    truth = clips.draw(tmp_path / f"a{suffix}", fps=24)
    source = open_source(truth.path)
    frames = list(source.frames())
    same(frames, truth)
    assert source.info.frames == 8
    assert source.info.fps == 24
    assert not source.info.alpha
    assert not source.info.variable_rate
    tick = Fraction(1, 1000)  # Matroska's clock
    assert all(abs(frame.time - time) <= tick for frame, time in zip(frames, truth.times, strict=True))
    assert abs(sum(frame.duration for frame in frames) - truth.length) <= tick
    assert sum(frame.duration for frame in frames) == source.info.seconds
    assert all(frame.alpha.min() == 255 for frame in frames)


@pytest.mark.parametrize("fps", [12, 15, 23.976, 24, 29.97, 30, 60])
def test_times_are_exact(tmp_path: Path, fps: float) -> None:
    truth = clips.draw(tmp_path / "a.mp4", fps=fps, frames=5)
    frames = read(truth.path)
    assert [frame.time for frame in frames] == list(truth.times)
    assert frames[-1].time + frames[-1].duration == truth.length


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_variable_rate_is_kept(tmp_path: Path, suffix: str) -> None:
    truth = clips.draw(tmp_path / f"a{suffix}", variable=True, fps=20)
    source = open_source(truth.path)
    assert source.info.variable_rate
    assert [frame.time for frame in source.frames()] == list(truth.times)


@pytest.mark.parametrize("suffix", [".webm", ".mov", ".mkv", ".avi"])
def test_the_alpha_of_a_video_is_respected(tmp_path: Path, suffix: str) -> None:
    truth = clips.draw(tmp_path / f"a{suffix}", alpha=True)
    source = open_source(truth.path)
    assert source.info.alpha
    frames = list(source.frames())
    assert frames[0].alpha.min() == 0
    same(frames, truth)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("kind", ["gif", "webp", "apng"])
def test_animated_pictures(tmp_path: Path, kind: str, alpha: bool) -> None:
    draw = {"gif": clips.draw_gif, "webp": clips.draw_webp, "apng": clips.draw_apng}[kind]
    truth = draw(tmp_path / f"a.{kind}", alpha=alpha, variable=True)
    source = open_source(truth.path)
    frames = list(source.frames())
    assert source.info.alpha == alpha
    assert (source.info.frames, source.info.seconds) == (truth.frames, truth.length)
    assert [frame.time for frame in frames] == list(truth.times)
    same(frames, truth, alpha=0.1)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif", ".heic"])
def test_a_still_is_a_clip_of_one_frame(tmp_path: Path, suffix: str) -> None:
    truth = clips.draw_still(tmp_path / f"a{suffix}")
    source = open_source(truth.path, start=3, end=4, max_fps=10)
    assert source.info.still
    assert source.info.frames == 1
    (frame,) = source.frames()
    assert frame.rgb.shape == truth.rgb[0].shape
    assert np.abs(frame.rgb.astype(int) - truth.rgb[0]).mean() < 6


def test_a_still_keeps_its_alpha_when_it_is_made_smaller(tmp_path: Path) -> None:
    truth = clips.draw_still(tmp_path / "a.png", alpha=True)
    (frame,) = read(truth.path, max_width=48)
    assert frame.rgb.shape == (32, 48, 3)
    assert (frame.alpha.min(), frame.alpha.max()) == (0, 255)
    assert np.abs(frame.rgb[frame.alpha == 255].astype(int) - clips.DISC).mean() < 6


@pytest.mark.parametrize(
    ("orientation", "turns", "mirrored"), [(2, 0, True), (3, 2, False), (6, 3, False), (8, 1, False)]
)
def test_exif_orientation(tmp_path: Path, orientation: int, turns: int, mirrored: bool) -> None:
    truth = clips.draw_still(tmp_path / "a.png", orientation=orientation)
    expected = np.rot90(truth.rgb[0][:, ::-1] if mirrored else truth.rgb[0], turns)
    assert np.array_equal(read(truth.path)[0].rgb, expected)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, rotation: int) -> None:
    truth = clips.draw(tmp_path / "a.mp4", frames=2, rotation=rotation)
    source = open_source(truth.path)
    frame = next(iter(source.frames()))
    expected = np.rot90(truth.rgb[0], rotation // 90)
    assert (source.info.width, source.info.height) == (expected.shape[1], expected.shape[0])
    assert source.info.rotation == 360 - rotation
    assert np.abs(frame.rgb.astype(int) - expected).mean() < 6


def test_an_odd_angle_is_said(tmp_path: Path) -> None:
    source = open_source(clips.draw(tmp_path / "a.mp4", frames=2, rotation=37).path)
    assert "37 degrees" in source.warnings[0] or "323 degrees" in source.warnings[0]


def test_pixels_become_square(tmp_path: Path) -> None:
    wide = open_source(clips.draw(tmp_path / "a.mp4", frames=1, sar=Fraction(4, 3)).path)
    tall = open_source(clips.draw(tmp_path / "b.mp4", frames=1, sar=Fraction(1, 2)).path)
    assert (wide.info.width, wide.info.height) == (128, 64)
    assert (tall.info.width, tall.info.height) == (96, 128)
    assert next(iter(wide.frames())).rgb.shape == (64, 128, 3)


def test_max_width_never_enlarges_and_keeps_the_shape(tmp_path: Path) -> None:
    truth = clips.draw(tmp_path / "a.mp4", frames=1, size=(98, 62))
    assert open_source(truth.path, max_width=200).info.width == 98
    source = open_source(truth.path, max_width=49)
    assert (source.info.width, source.info.height) == (49, 31)
    assert next(iter(source.frames())).rgb.shape == (31, 49, 3)


def test_resampling_leaves_frames_out_and_keeps_the_length(tmp_path: Path) -> None:
    truth = clips.draw(tmp_path / "a.mp4", frames=30, fps=30)
    source = open_source(truth.path, max_fps=20)
    frames = list(source.frames())
    assert len(frames) == source.info.frames == 20
    assert source.info.fps == 20
    assert sum(frame.duration for frame in frames) == 1
    assert np.abs(frames[1].rgb.astype(int) - truth.rgb[2]).mean() < 6


def test_a_slower_clip_keeps_its_own_timing(tmp_path: Path) -> None:
    truth = clips.draw(tmp_path / "a.mkv", frames=9, fps=29.97, variable=True)
    assert len(read(truth.path, max_fps=30)) == 9
    assert open_source(truth.path, max_fps=30).info.variable_rate
    steady = clips.draw(tmp_path / "b.mp4", frames=9, fps=29.97)
    assert len(read(steady.path, max_fps=29.97)) == 9


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
def test_a_part_is_found_by_seeking(tmp_path: Path, suffix: str) -> None:
    truth = clips.draw(tmp_path / f"a{suffix}", frames=60, fps=20, gop=10)
    source = open_source(truth.path, start=1.5, end=2.0)
    frames = list(source.frames())
    assert len(frames) == source.info.frames == 10
    assert frames[0].time == 0
    assert sum(frame.duration for frame in frames) == source.info.seconds == Fraction(1, 2)
    for frame, picture in zip(frames, truth.rgb[30:40], strict=True):
        assert np.abs(frame.rgb.astype(int) - picture).mean() < 6


def test_seeking_does_not_decode_what_comes_before(tmp_path: Path) -> None:
    truth = clips.draw(tmp_path / "a.mp4", frames=300, fps=30, size=(640, 360), gop=15)
    whole, part = open_source(truth.path), open_source(truth.path, start=9.5)
    began = time.process_time()
    assert sum(1 for _ in whole.frames()) == 300
    between = time.process_time()
    assert sum(1 for _ in part.frames()) == 15
    assert time.process_time() - between < (between - began) / 3


def test_a_part_of_a_file_without_its_index(tmp_path: Path) -> None:
    truth = clips.draw(tmp_path / "a.mkv", frames=60, fps=20, gop=10)
    truth.path.write_bytes(truth.path.read_bytes()[:-2000])
    source = open_source(truth.path, start=1, end=1.5)
    frames = list(source.frames())
    assert len(frames) == 10
    assert np.abs(frames[0].rgb.astype(int) - truth.rgb[20]).mean() < 6


def test_the_alpha_of_hevc_is_missed_aloud(tmp_path: Path) -> None:
    clip = clips.draw(tmp_path / "a.mov", alpha=True).path
    how = ("-c:v", "libx265", "-pix_fmt", "yuva420p", "-x265-params", "log-level=none", "-tag:v", "hvc1")
    with closing(Ffmpeg(["-i", str(clip), *how, str(tmp_path / "b.mp4")])) as ffmpeg:
        ffmpeg.finish()
    source = open_source(tmp_path / "b.mp4")
    assert not source.info.alpha
    assert "HEVC" in source.warnings[0]


def test_a_part_of_an_animation(tmp_path: Path) -> None:
    truth = clips.draw_webp(tmp_path / "a.webp", frames=10, fps=10)
    frames = read(truth.path, start=0.4, end=0.7)
    assert len(frames) == 3
    assert np.array_equal(frames[0].rgb, truth.rgb[4])
    assert sum(frame.duration for frame in frames) == Fraction(3, 10)


def test_a_start_beyond_the_end_is_a_slip_of_whoever_asks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"0\.8 s long, so it cannot start at 5 s"):
        open_source(clips.draw(tmp_path / "a.mp4").path, start=5)


def test_an_end_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="after the start"):
        open_source(clips.draw(tmp_path / "a.mp4").path, start=0.5, end=0.2)


@pytest.mark.parametrize("suffix", [".mp4", ".webp"])
def test_a_file_that_vanishes_is_unreadable(tmp_path: Path, suffix: str) -> None:
    draw = clips.draw if suffix == ".mp4" else clips.draw_webp
    source = open_source(draw(tmp_path / f"a{suffix}").path)
    source.path.unlink()
    with pytest.raises(Unreadable):
        next(source.frames())


def test_sound_is_noticed(tmp_path: Path) -> None:
    assert open_source(clips.draw(tmp_path / "a.mp4", audio=True).path).info.audio
    assert not open_source(clips.draw(tmp_path / "b.mp4").path).info.audio


def test_frames_can_be_read_again_and_left_early(tmp_path: Path) -> None:
    source = open_source(clips.draw(tmp_path / "a.mp4", size=(320, 240)).path)
    list(source.frames())
    tasks = len(os.listdir("/proc/self/task")) if Path("/proc").exists() else 0
    files = len(os.listdir("/proc/self/fd")) if Path("/proc").exists() else 0
    for _ in range(5):
        with closing(source.frames()) as frames:
            assert next(frames).time == 0
    if tasks:
        assert len(os.listdir("/proc/self/task")) <= tasks
        assert len(os.listdir("/proc/self/fd")) == files
    assert len(list(source.frames())) == 8


def test_a_probe_looks_at_a_clip_of_any_length(tmp_path: Path) -> None:
    info = probe(clips.draw(tmp_path / "a.mp4", frames=200, fps=1, size=(32, 32)).path)
    assert (info.seconds, info.frames) == (Fraction(200), 200)


def test_unnamed_browsers_rule_for_hasty_animations(tmp_path: Path) -> None:
    truth = clips.draw_webp(tmp_path / "a.webp", frames=3, fps=1000)
    assert [frame.duration for frame in read(truth.path)] == [Fraction(1, 10)] * 3


@pytest.mark.skipif(not SHARED.exists(), reason="the real clips are not here")
def test_real_clips_are_read_to_their_end() -> None:
    for path in sorted(SHARED.iterdir()):
        source = open_source(path, max_width=64, end=1.5)
        frames = list(source.frames())
        assert len(frames) == source.info.frames
        assert sum(frame.duration for frame in frames) == source.info.seconds
        assert not source.warnings
