"""Fields that become frames."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.clips import DISC, SCREEN, Pixels, draw, ffmpeg
from vimix.media.decode import open_source
from vimix.media.filters import INTERLACED

RAW = ("-f", "rawvideo", "-pix_fmt", "rgb24")


def bars(frames: int, size: tuple[int, int], first: int, step: int = 6) -> Pixels:
    """A bar that moves from field to field; `first` is the parity of the lines shown first."""
    made = np.full((frames, size[1], size[0], 3), SCREEN, np.uint8)
    for number in range(frames):
        for later in (0, 1):
            left = 20 + step * (2 * number + later)
            made[number, 20:-20, left : left + 60][(first + later) % 2 :: 2] = DISC
    return made


def comb(rgb: Pixels) -> int:
    """How far the left edge of the bar jumps from line to line, in pixels."""
    red = rgb[30:-30, :, 0].astype(int) > 130
    edges: NDArray[np.intp] = red.argmax(axis=1)
    return int(np.abs(np.diff(edges)).max())


@pytest.mark.parametrize("order", ["top", "bottom"])
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mov", ("-c:v", "libx264", "-x264opts", "{x264}", "-crf", "4", "-pix_fmt", "yuv420p")),
        (".mkv", ("-c:v", "mpeg2video", "-q:v", "1", "-flags", "+ildct+ilme", "-pix_fmt", "yuv422p")),
        (".mov", ("-c:v", "prores_ks", "-flags", "+ildct", "-pix_fmt", "yuv422p10le")),
        (".mov", ("-c:v", "v210", "-pix_fmt", "yuv422p10le", "-field_order", "{field}")),
    ],
)  # fmt: skip
def test_an_interlaced_clip_has_no_combs_and_its_rate(
    tmp_path: Path, suffix: str, codec: tuple[str, ...], order: str
) -> None:
    first = 0 if order == "top" else 1
    words = {"x264": "tff=1" if first == 0 else "bff=1", "field": "tt" if first == 0 else "bb"}
    flag = ("-vf", f"setfield={'tff' if first == 0 else 'bff'},scale=interl=1")
    args = [part.format(**words) for part in codec]
    raw = (*RAW, "-s", "320x192", "-r", 25, "-i", "-")
    ffmpeg(*raw, *flag, *args, tmp_path / f"a{suffix}", data=bars(6, (320, 192), first).tobytes())
    source = open_source(tmp_path / f"a{suffix}")
    frames = list(source.frames())
    assert source.warnings == (INTERLACED,)
    assert len(frames) == source.info.frames == 6
    assert [frame.time for frame in frames] == [number * frames[0].duration for number in range(6)]
    assert max(comb(frame.rgb) for frame in frames) <= 3
    lefts = [int((frame.rgb[96, :, 0] > 130).argmax()) for frame in frames]
    assert all(10 <= after - before <= 14 for before, after in itertools.pairwise(lefts))


def test_a_part_of_an_interlaced_clip_and_a_clip_of_one_picture(tmp_path: Path) -> None:
    how = ("-vf", "setfield=bff,scale=interl=1", "-c:v", "mpeg2video", "-q:v", 1, "-flags", "+ildct+ilme")
    raw = (*RAW, "-s", "320x192", "-r", 25, "-i", "-")
    for frames, start in ((9, 0.2), (1, 0.0)):
        ffmpeg(*raw, *how, tmp_path / "a.mkv", data=bars(frames, (320, 192), 1, step=6).tobytes())
        source = open_source(tmp_path / "a.mkv", start=start)
        shown = list(source.frames())
        assert len(shown) == frames - round(start * 25)
        assert max(comb(frame.rgb) for frame in shown) <= 3


def test_a_progressive_clip_is_untouched(tmp_path: Path) -> None:
    source = open_source(draw(tmp_path / "a.mp4").path)
    assert not source.warnings
