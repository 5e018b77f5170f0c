"""Which track is the picture, and when its pictures are shown where the file keeps no time for that."""

from pathlib import Path

import numpy as np
import pytest

from tests.clips import draw, ffmpeg, pictures
from vimix.errors import Refused, Unreadable
from vimix.media.decode import open_source

BIG, SMALL = (96, 64), (48, 32)


def film(path: Path, size: tuple[int, int], frames: int) -> Path:
    return draw(path, size=size, frames=frames).path


@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".mp4"])
@pytest.mark.parametrize(
    ("first", "second", "default", "taken"),
    [
        ((SMALL, 1), (BIG, 8), "second", 1),  # a thumbnail before the film
        ((SMALL, 1), (BIG, 8), "first", 1),  # even one that is marked as default
        ((BIG, 1), (SMALL, 8), "first", 1),  # and even a large one
        ((BIG, 8), (SMALL, 8), "second", 1),  # the flag
        ((SMALL, 8), (BIG, 8), "both", 1),  # size
        ((BIG, 8), (BIG, 12), "both", 1),  # length
        ((BIG, 8), (BIG, 8), "both", 0),  # order
        ((BIG, 30), (SMALL, 2), "second", 0),  # a few slides
    ],
)
def test_the_picture_is_the_track_with_the_most_to_show(
    tmp_path: Path, suffix: str, first: tuple[tuple[int, int], int], second: tuple[tuple[int, int], int],
    default: str, taken: int,
) -> None:  # fmt: skip
    one, two = film(tmp_path / "a.mp4", *first), film(tmp_path / "b.mp4", *second)
    marks = ["default" if default in (name, "both") else "0" for name in ("first", "second")]
    how = ("-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", marks[0], "-disposition:v:1", marks[1])
    ffmpeg("-i", one, "-i", two, *how, tmp_path / f"c{suffix}")
    source = open_source(tmp_path / f"c{suffix}")
    size, frames = (first, second)[taken]
    assert ((source.info.width, source.info.height), source.info.frames) == (size, frames)
    assert source.warnings[0] == (
        f"The file has 2 video tracks; track {taken + 1} was used ({size[0]}x{size[1]} pixels, {frames} frames)."
    )
    assert len(list(source.frames())) == frames


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cover_is_no_track_and_is_not_told(tmp_path: Path, suffix: str) -> None:
    clip, cover = film(tmp_path / "a.mp4", SMALL, 4), tmp_path / "cover.jpg"
    ffmpeg("-i", clip, "-frames:v", 1, "-vf", "scale=640:360", "-pix_fmt", "yuvj420p", cover)
    path = tmp_path / f"c{suffix}"
    if suffix == ".mkv":
        ffmpeg("-i", clip, "-attach", cover, "-metadata:s:t", "mimetype=image/jpeg", "-c", "copy", path)
    else:
        how = ("-map", "1", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic")
        ffmpeg("-i", clip, "-i", cover, *how, path)
    source = open_source(path)
    assert (source.info.width, source.info.frames, source.warnings) == (SMALL[0], 4, ())


def test_a_cover_alone_is_no_video(tmp_path: Path) -> None:
    clip = draw(tmp_path / "a.mp4", frames=1, audio=True).path
    how = ("-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", clip, "-map", "0", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "copy", tmp_path / "b.mp4")
    ffmpeg("-i", tmp_path / "b.mp4", *how, tmp_path / "c.mp4")
    with pytest.raises(Unreadable, match="sound and a cover picture, but no video"):
        open_source(tmp_path / "c.mp4")


def test_a_track_that_no_decoder_here_knows_gives_way(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mp4", SMALL, 4)
    ffmpeg("-i", clip, "-map", "0", "-map", "0", "-c:v:0", "asv1", "-c:v:1", "copy", tmp_path / "b.mkv")
    assert open_source(tmp_path / "b.mkv").info.codec == "h264"
    ffmpeg("-i", clip, "-c:v", "asv1", tmp_path / "c.mkv")
    with pytest.raises(Refused, match="the codec asv1"):
        open_source(tmp_path / "c.mkv")


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
@pytest.mark.parametrize("bframes", [0, 2, 4])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_an_avi_is_shown_in_the_order_that_the_decoder_gives(
    tmp_path: Path, codec: str, bframes: int, start: float
) -> None:
    """AVI keeps no presentation times, so those of B-frames are made up by whoever reads it."""
    rgb, _ = pictures(24)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "96x64", "-r", 12, "-i", "-")
    how = ("-c:v", codec, "-bf", min(bframes, 4), "-g", 8, "-q:v", 1, "-crf", 8, "-pix_fmt", "yuv420p")
    ffmpeg(*raw, *how, tmp_path / "a.avi", data=rgb.tobytes())
    source = open_source(tmp_path / "a.avi", start=start)
    frames = list(source.frames())
    skipped = round(start * 12)
    assert len(frames) == source.info.frames == 24 - skipped
    assert source.info.fps == 12
    assert not source.warnings
    for number, frame in enumerate(frames):
        apart = [np.abs(frame.rgb.astype(int) - picture).mean() for picture in rgb]
        assert int(np.argmin(apart)) == number + skipped
        assert frame.time + source.start == pytest.approx((number + skipped) / 12, abs=0.02 if number else 0.05)
