"""What every engine owes, asked of each by the same tests. Networks are drawn, and served by a mirror on loopback."""

import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.matting.networks import mirror as loopback
from tests.matting.networks.mirror import drain
from vimix.frame import Frame, Pixels, opaque
from vimix.matting.chroma_key import find_key, key_out
from vimix.matting.image import cut_each
from vimix.matting.networks import runtime
from vimix.matting.networks.catalogue import MODELS
from vimix.matting.registry import open_engine

SMALL = {"u2netp": "u2netp", "isnet-general-use": "resized", "birefnet-general-lite": "logits"}
"""One row of each kind of network; rembg's own sessions are compared for all rows elsewhere."""
ENGINES = (*SMALL, pytest.param("portrait", marks=pytest.mark.weights), "chroma")
SCREEN, DISC = (0, 190, 60), (230, 60, 40)


def picture(width: int, height: int, middle: float) -> Pixels:
    """A red disc before a green screen."""
    y, x = np.mgrid[:height, :width]
    inside = (x - middle * width) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 4) ** 2
    return np.where(inside[:, :, None], DISC, SCREEN).astype(np.uint8)


def clip(count: int, width: int = 96, height: int = 64, phase: float = 0.0) -> list[Frame]:
    """Frames of uneven length whose disc moves."""
    frames, time = [], Fraction(0)
    for place in range(count):
        rgb = picture(width, height, 0.3 + phase + 0.4 * place / max(count, 1))
        duration = Fraction(1, 10 + place)
        frames.append(Frame(rgb, opaque(height, width), time, duration))
        time += duration
    return frames


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory):
    with loopback.serving() as mirror, pytest.MonkeyPatch.context() as patch:
        for name in SMALL:
            model = MODELS[name]
            loopback.use(patch, loopback.row(mirror, model, loopback.draw_for(model)))
        yield tmp_path_factory.mktemp("models")


@pytest.fixture(params=ENGINES)
def look(request, models: Path):
    if request.param == "chroma":
        key = find_key(clip(2))
        assert key is not None
        return key_out(key)
    if request.param == "portrait":
        models = Path.home() / ".cache" / "vimix" / "models"
    return drain(open_engine(request.param, quality="fast", model_dir=models, device="cpu")).look


@pytest.mark.parametrize("count", [0, 1, 5])
def test_as_many_frames_with_the_same_times_and_pictures(look, count: int) -> None:
    frames = clip(count)
    cut = list(cut_each(look, workers=2)(frames))
    assert [(frame.time, frame.duration) for frame in cut] == [(frame.time, frame.duration) for frame in frames]
    for before, after in zip(frames, cut, strict=True):
        assert np.array_equal(before.rgb, after.rgb)
        assert after.alpha.dtype == np.uint8
        assert after.alpha.shape == before.alpha.shape


@pytest.mark.parametrize(("width", "height"), [(17, 33), (333, 11), (2, 2), (1, 1)])
def test_odd_sizes(look, width: int, height: int) -> None:
    (cut,) = cut_each(look, workers=1)(clip(1, width, height))
    assert cut.alpha.shape == (height, width)


def test_the_alpha_that_a_clip_brings_is_kept(look) -> None:
    given = np.zeros((64, 96), np.uint8)
    given[:, 48:] = 128
    frames = [Frame(frame.rgb, given, frame.time, frame.duration) for frame in clip(2)]
    for bare, cut in zip(cut_each(look, workers=1)(clip(2)), cut_each(look, workers=1)(frames), strict=True):
        assert not cut.alpha[:, :48].any()
        assert np.abs(cut.alpha[:, 48:] - bare.alpha[:, 48:] * (128 / 255)).max() <= 1


def test_two_clips_at_once_share_nothing(look) -> None:
    first, second = clip(4), clip(4, 64, 96, 0.2)
    alone = [[frame.alpha for frame in cut_each(look, workers=2)(frames)] for frames in (first, second)]
    both = [cut_each(look, workers=2)(frames) for frames in (first, second)]
    for one, other, expected_one, expected_other in zip(*both, *alone, strict=True):
        assert np.array_equal(one.alpha, expected_one)
        assert np.array_equal(other.alpha, expected_other)


def test_frames_that_repeat_are_looked_at_once(look) -> None:
    seen = []

    def counted(rgb: Pixels) -> Pixels:
        seen.append(rgb)
        return look(rgb)

    first, second = clip(2)
    frames = [first, first, Frame(first.rgb.copy(), first.alpha, Fraction(1), Fraction(1)), second, first]
    cut = list(cut_each(counted, workers=2)(frames))
    assert len(seen) == 3
    assert np.array_equal(cut[0].alpha, cut[2].alpha)
    assert not np.array_equal(cut[0].alpha, cut[3].alpha)


def test_closing_ends_all_that_was_begun(look) -> None:
    before = threading.active_count()
    closed = []

    def frames():
        try:
            yield from clip(50)
        finally:
            closed.append(True)

    cut = cut_each(look, workers=2)(frames())
    next(cut)
    cut.close()
    assert closed
    assert threading.active_count() == before


def test_a_failing_look_fails_the_clip() -> None:
    def broken(rgb: Pixels) -> Pixels:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(cut_each(broken, workers=2)(clip(3)))


def test_an_engine_says_what_runs_it(models: Path) -> None:
    engine = drain(open_engine("u2netp", quality="fast", model_dir=models, device="cpu"))
    assert engine.runtime in ("openvino", "onnxruntime")
    assert engine.precision in ("f32", "bf16")
    assert "onnxruntime f32" in engine.why
    assert engine.cost > 0
    assert engine.parallel >= 1
    assert drain(open_engine("u2netp", quality="best", model_dir=models, device="cpu")) is engine


def test_what_is_fastest_is_found_out_once(models: Path, monkeypatch) -> None:
    drain(open_engine("u2netp", quality="fast", model_dir=models, device="cpu"))
    monkeypatch.setattr(runtime, "_fastest", None)
    _, choice = drain(runtime.open_on_cpu(models / "u2netp.onnx", 320, cache=models / "compiled"))
    assert choice.machine
    monkeypatch.setattr(runtime, "_machine", lambda: "another processor")
    with pytest.raises(TypeError):
        drain(runtime.open_on_cpu(models / "u2netp.onnx", 320, cache=models / "compiled"))
