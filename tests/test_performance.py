"""What speed rests on, as counts and ratios that no machine's noise can change."""

import tracemalloc
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.clips import draw
from vimix.frame import Frame, Frames, Pixels
from vimix.matting.image import cut_each
from vimix.matting.video.tracker import POLICIES, track_subject
from vimix.media.decode import open_source
from vimix.options import Options
from vimix.pipeline.request import Resources
from vimix.pipeline.run import cut_out, run
from vimix.sinks import Encoding, open_sink

FRAMES = 48


class CountingPredict:
    """Finds the red disc, and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, rgb: Pixels) -> Pixels:
        self.calls += 1
        red = rgb[..., 0].astype(np.int16) - np.maximum(rgb[..., 1], rgb[..., 2])
        return np.where(red > 60, 255, 0).astype(np.uint8)


def frozen(frames: Iterable[Frame]) -> Frames:
    """The same picture again and again."""
    first: Frame | None = None
    for frame in frames:
        first = first or frame
        yield Frame(first.rgb.copy(), first.alpha, frame.time, frame.duration)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return draw(tmp_path / "clip.mp4", frames=FRAMES, fps=24).path


@pytest.mark.parametrize(("quality", "most"), [("fast", 0.4), ("balanced", 0.9), ("best", 1.35)])
def test_looks_per_frame(clip: Path, quality: str, most: float) -> None:
    predict = CountingPredict()
    with closing(open_source(clip).frames()) as frames:
        assert sum(1 for _ in track_subject(predict, policy=POLICIES[quality])(frames)) == FRAMES
    print(f"{quality}: {predict.calls / FRAMES:.2f} calls a frame")
    assert predict.calls <= most * FRAMES


def test_a_picture_that_stands_still_is_looked_at_once(clip: Path) -> None:
    predict = CountingPredict()
    with closing(open_source(clip).frames()) as frames, closing(frozen(frames)) as still:
        assert sum(1 for _ in cut_each(predict, workers=2)(still)) == FRAMES
    assert predict.calls == 1


def test_encodes_per_frame(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encodes = 0
    save = Image.Image.save

    def counted(self: Image.Image, *arguments: object, **more: object) -> None:
        nonlocal encodes
        encodes += 1
        save(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "save", counted)
    predict = CountingPredict()
    for stages, most in (([cut_each(predict, workers=2)], 2 * FRAMES), ([frozen, cut_each(predict, workers=2)], 2)):
        encodes = 0
        list(cut_out(open_source(clip), stages, open_sink("webp", tmp_path / "out.webp", Encoding())))
        assert 1 <= encodes <= most


def test_bytes(clip: Path, tmp_path: Path) -> None:
    """A drawn disc on nothing: so many bytes a frame, and lossless never more than three times as many."""
    size = {}
    for lossless in (False, True):
        out = tmp_path / f"{lossless}.webp"
        sink = open_sink("webp", out, Encoding(lossless=lossless))
        list(cut_out(open_source(clip), [cut_each(CountingPredict(), workers=2)], sink))
        size[lossless] = out.stat().st_size / FRAMES
    print(f"bytes a frame: {size}")
    assert size[False] < 700
    assert size[True] < 3 * size[False]


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    """What Python and NumPy hold at their peak: some frames, however many the clip has."""
    width, height, frames, most = 320, 240, 240, 80
    clip = draw(tmp_path / "clip.mp4", frames=frames, fps=20, size=(width, height), screen=True).path
    tracemalloc.start()
    for _ in run(clip, tmp_path / "out.webp", Options(), Resources(tmp_path)):
        pass
    held = tracemalloc.get_traced_memory()[1] / (4 * width * height)
    tracemalloc.stop()
    print(f"a clip of {frames} frames: {held:.0f} frames' worth of memory at the peak")
    assert held <= most
