from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests import clips
from vimix.errors import Refused
from vimix.frame import Frame, opaque
from vimix.media.decode import open_source
from vimix.media.limits import Limits, guard


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(max_seconds=0.5), r"0\.8 s long; the limit is 0\.5 s"),
        (Limits(max_pixels=96 * 64 - 1), r"96x64 pixels \(0\.1 million\)"),
        (Limits(max_frames=5), r"8 frames; the limit is 5"),
        (Limits(max_frames=1), r"more than 4 frames|8 frames; the limit is 1"),
        (Limits(max_bytes=1000), r"the limit is 0\.1 MB"),
        (Limits(max_total_pixels=40_000), r"in all its frames"),
        (Limits(max_streams=1), r"2 tracks; the limit is 1"),
    ],
)
def test_each_limit_is_named_with_its_size(tmp_path: Path, limits: Limits, sentence: str) -> None:
    clip = clips.draw(tmp_path / "a.mp4", audio=True)
    with pytest.raises(Refused, match=sentence):
        open_source(clip.path, limits=limits)


def test_limits_are_on_the_part_that_is_wanted(tmp_path: Path) -> None:
    clip = clips.draw(tmp_path / "a.mp4", frames=40, fps=10)
    limits = Limits(max_seconds=1, max_frames=10)
    assert open_source(clip.path, start=1, end=2, limits=limits).info.frames == 10
    assert open_source(clip.path, max_fps=2, limits=Limits(max_frames=8, max_seconds=4)).info.frames == 8


@pytest.mark.parametrize("size", [(96, 64), (64, 96), (66, 98), (1080, 1920)])
def test_what_is_just_within_the_limit_is_read(tmp_path: Path, size: tuple[int, int]) -> None:
    clip = clips.draw(tmp_path / "a.mp4", frames=1, size=size).path
    source = open_source(clip, limits=Limits(max_pixels=size[0] * size[1]))
    assert next(iter(source.frames())).alpha.shape == size[::-1]
    with pytest.raises(Refused, match="pixels"):
        open_source(clip, limits=Limits(max_pixels=size[0] * size[1] - 1))


@pytest.mark.parametrize("alpha", [False, True])
def test_a_large_photograph_is_made_smaller(tmp_path: Path, alpha: bool) -> None:
    still = clips.draw_still(tmp_path / "a.png", size=(300, 200), alpha=alpha)
    source = open_source(still.path, limits=Limits(max_pixels=20_000))
    assert (source.info.width, source.info.height) == (173, 115)
    assert source.warnings == ("The picture was 300x200 pixels; it was reduced to 173x115.",)
    assert next(iter(source.frames())).rgb.shape == (115, 173, 3)
    with pytest.raises(Refused, match=r"300x200 pixels .* the limit is 0\.1 million"):
        open_source(still.path, limits=Limits(max_pixels=10_000))


def test_pixels_that_become_square_do_not_pass_the_limit(tmp_path: Path) -> None:
    clip = clips.draw(tmp_path / "a.mp4", frames=1, sar=Fraction(3)).path
    info = open_source(clip, limits=Limits(max_pixels=10_000)).info
    assert info.width * info.height <= 10_000
    assert abs(info.width / info.height - 4.5) < 0.1


def frames(count: int, size: int = 8) -> list[Frame]:
    rgb = np.zeros((size, size, 3), np.uint8)
    return [Frame(rgb, opaque(size, size), Fraction(number, 10), Fraction(1, 10)) for number in range(count)]


@pytest.mark.parametrize(
    ("limits", "passed"),
    [
        (Limits(max_frames=3), 3),
        (Limits(max_seconds=0.25), 2),
        (Limits(max_pixels=63), 0),
        (Limits(max_total_pixels=64 * 4), 4),
    ],
)
def test_the_guard_counts_what_comes(limits: Limits, passed: int) -> None:
    stage = guard(limits)(frames(10))
    for _ in range(passed):
        next(stage)
    with pytest.raises(Refused):
        next(stage)


def test_the_guard_lets_everything_else_through() -> None:
    assert len(list(guard(Limits())(frames(10)))) == 10
